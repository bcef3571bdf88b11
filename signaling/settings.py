"""What a node is told at start. Every option of `tally serve` and every TALLY_* variable ends here.

Pure: values in, values out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

__all__ = ["Settings", "SettingsError"]

_USER = re.compile(r"[A-Za-z0-9_\-]{1,32}")


class SettingsError(ValueError):
    """The settings cannot be used; the message lists every fault."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Validated at once; all faults are reported together."""

    data_dir: Path = field(default_factory=lambda: Path(".tally"))
    host: str = "127.0.0.1"
    """Address to listen on: HTTP over TCP, media over UDP, one port number for both. `0.0.0.0` is every IPv4 address,
    `::` every address."""
    port: int = 8080
    """0 lets the system choose."""
    announced: tuple[str, ...] = ()
    """Addresses that browsers are told instead of `host`, for a node behind address translation."""
    production: bool = False
    """Turns the demo page's credentials off."""
    admins: tuple[str, ...] = ("administrator",)
    """The users of every app who may call its back office; the demo gives nobody their credentials."""
    requests_per_second: int = 30
    """Of one WebSocket connection; above that a request is answered -2."""
    private_callbacks: bool = False
    """Whether callbacks may go to addresses that are not public: loopback, private and link-local ones. Every app's
    administrator chooses its URL, and would reach into the node's own network."""

    fan_out: str = "auto"
    """Which twin sends: `auto` (the compiled one where it was built), `pure` or `compiled`."""
    media_over: str = "both"
    """What browsers are told to send media over: `udp`, `tcp` (the HTTP port) or `both`, where UDP is preferred."""
    rtmp_port: int | None = None
    """Where encoders push to, on `host`; 0 lets the system choose, None is nowhere."""
    rtmps_port: int | None = None
    """The same over TLS, with `tls_certificate` and `tls_key`."""
    tls_certificate: Path | None = None
    """PEM, with the whole chain."""
    tls_key: Path | None = None
    sound_kbps: int = 128
    """Kilobits per second of the sound that is converted for browsers."""
    loudest: int = 0
    """How many sounds of a room are forwarded at once; 0 for all."""
    segment_offload: bool = True
    """UDP segment offload: the packets of a frame to one viewer in one message."""

    def __post_init__(self) -> None:
        faults = []
        for name, address in [("host", self.host), *(("announce", item) for item in self.announced)]:
            try:
                ip_address(address)
            except ValueError:
                faults.append(f"{name}: {address!r} is not an IP address")
        if not 0 <= self.port <= 65535:
            faults.append(f"port: {self.port} is not between 0 and 65535")
        for name, number in (("rtmp-port", self.rtmp_port), ("rtmps-port", self.rtmps_port)):
            if number is not None and not 0 <= number <= 65535:
                faults.append(f"{name}: {number} is not between 0 and 65535")
        if self.rtmps_port is not None and (self.tls_certificate is None or self.tls_key is None):
            faults.append("rtmps-port: it needs tls-certificate and tls-key")
        if not 16 <= self.sound_kbps <= 510:
            faults.append(f"sound-kbps: {self.sound_kbps} is not between 16 and 510")
        if self.data_dir.exists() and not self.data_dir.is_dir():
            faults.append(f"data: {self.data_dir} is not a folder")
        if self.announced and any(ip_address(item).is_unspecified for item in self.announced if _is_address(item)):
            faults.append("announce: an unspecified address cannot be reached")
        if self.media_over not in ("udp", "tcp", "both"):
            faults.append(f"media-over: {self.media_over!r} is none of udp, tcp, both")
        if not self.admins or not all(_USER.fullmatch(user) for user in self.admins):
            faults.append("admins: user ids have 1 to 32 letters, digits, _ or -, and there is at least one")
        if self.loudest < 0:
            faults.append(f"loudest: {self.loudest} is below 0")
        if self.fan_out not in ("auto", "pure", "compiled"):
            faults.append(f"fan-out: {self.fan_out!r} is none of auto, pure, compiled")
        if faults:
            raise SettingsError("; ".join(faults))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
