"""What the doctor sees: the machine, the network, and whether a packet to the announced address comes back."""

from __future__ import annotations

import json
import os
import resource
import secrets
import shutil
import socket
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from media.transport import compiled_sender
from signaling.addresses import listen, media_hosts, url

__all__ = ["Facts", "gather"]

HAIRPIN_PATIENCE = 1.0
"""Seconds that a packet of our own to the announced address may take."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a verdict needs."""

    host: str
    port: int
    announced: Sequence[str]
    data_dir: Path
    local: Sequence[str] = ()
    """The addresses of this machine that the node would listen on."""
    running: str = ""
    """The fan-out of the node that answers on that port already; empty when none does."""
    taken: str = ""
    """Why the port cannot be had; empty when it can."""
    returned: dict[str, bool] = field(default_factory=dict)
    """By announced address: whether a packet sent to it reached this machine's port."""
    twin_fault: str = ""
    """Why the compiled fan-out cannot be used; empty when it can."""
    compiler: bool = True
    cores: int = 1
    files: int = 1 << 20
    """How many may be open: one a WebSocket, one an ICE-TCP connection."""
    buffers: dict[str, int] = field(default_factory=dict)
    """Bytes that a socket may have: `rmem_max`, `wmem_max`; empty where the system has no such bound."""
    container: bool = False
    firewall: str = ""
    """The name of one that is known to be on."""
    data_fault: str = ""
    free_bytes: int = 1 << 40


def gather(host: str, port: int, announced: Sequence[str], data_dir: Path) -> Facts:
    """Looks around; takes about as long as HAIRPIN_PATIENCE when something is announced. Changes nothing."""
    local = media_hosts(host)
    running = _running(host, port)
    taken, returned = ("", {}) if running else _try_port(host, local, port, announced)
    return Facts(
        host,
        port,
        announced,
        data_dir,
        local,
        running,
        taken,
        returned,
        "" if compiled_sender.is_available() else compiled_sender.unavailable_because(),
        any(shutil.which(name) for name in ("cc", "gcc", "clang")),
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        _buffers(),
        any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv")),
        "ufw" if "ENABLED=yes" in _text("/etc/ufw/ufw.conf") else "",
        *_data(data_dir),
    )


def _running(host: str, port: int) -> str:
    try:
        with urllib.request.urlopen(url(host, port) + "healthz", timeout=2) as response:
            return str(json.loads(response.read(4096))["fan_out"])
    except (OSError, urllib.error.URLError, ValueError, KeyError, TypeError):
        return ""


def _try_port(host: str, local: Sequence[str], port: int, announced: Sequence[str]) -> tuple[str, dict[str, bool]]:
    with ExitStack() as stack:
        try:
            for sock in listen(host, port):
                port = stack.enter_context(sock).getsockname()[1]
            ears = []
            for address in local:
                ear = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
                ears.append(stack.enter_context(ear))
                if ear.family == socket.AF_INET6:
                    ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                ear.bind((address, port))
        except OSError as error:
            return error.strerror or str(error), {}
        return "", {address: _comes_back(address, port, ears) for address in announced}


def _comes_back(address: str, port: int, ears: Sequence[socket.socket]) -> bool:
    """Whether a datagram from another socket of ours to the announced address ends in one of `ears`."""
    token = secrets.token_bytes(16)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as mouth:
        try:
            mouth.sendto(token, (address, port))
        except OSError:
            return False
        for ear in ears:
            ear.settimeout(HAIRPIN_PATIENCE / len(ears))
            try:
                if ear.recv(64) == token:
                    return True
            except OSError:
                continue
    return False


def _buffers() -> dict[str, int]:
    found = {name: _text(f"/proc/sys/net/core/{name}").strip() for name in ("rmem_max", "wmem_max")}
    return {name: int(text) for name, text in found.items() if text.isdigit()}


def _data(data_dir: Path) -> tuple[str, int]:
    """Why the folder cannot be written, and the bytes that are free there."""
    there = next(folder for folder in (data_dir.absolute(), *data_dir.absolute().parents) if folder.exists())
    if not there.is_dir():
        return f"{there} is not a folder", 0
    free = shutil.disk_usage(there).free
    return "" if os.access(there, os.W_OK | os.X_OK) else f"{there} is not writable for this user", free


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
