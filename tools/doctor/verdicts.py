"""What the doctor says of what it saw. Most who see no picture have one of the faults of addresses below.

Pure: facts in, sentences out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from tools.doctor.facts import Facts

__all__ = ["Grade", "Verdict", "judge"]

BUFFER = 8 << 20
"""Bytes that a node asks for in each direction."""
FILES = 4096
FREE = 1 << 30
CARRIER = ip_network("100.64.0.0/10")
"""Of providers that translate addresses for many customers (RFC 6598): nobody can be reached there from outside."""
BRIDGES = ip_network("172.16.0.0/12")
"""Where containers get their addresses from."""


class Grade(Enum):
    """How bad it is."""

    FINE = "fine"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One finding."""

    grade: Grade
    subject: str
    text: str
    advice: str = ""


def judge(facts: Facts) -> list[Verdict]:
    """Everything that is to be said, in the order in which a connection is made."""
    return [
        *_port(facts),
        *_addresses(facts),
        *(_announced(facts) if facts.announced else _unannounced(facts)),
        *_pages(facts),
        *_machine(facts),
        *_data(facts),
    ]


def _port(facts: Facts) -> Iterator[Verdict]:
    if facts.running:
        yield Verdict(Grade.FINE, "port", f"a node answers on {facts.port} (fan-out: {facts.running})")
    elif facts.taken:
        advice = "end what listens there (`ss -tulpn` names it), or choose another with --port"
        yield Verdict(Grade.WRONG, "port", f"{facts.port} cannot be listened on: {facts.taken}", advice)
    else:
        yield Verdict(Grade.FINE, "port", f"TCP and UDP {facts.port} are free")
    if facts.firewall:
        advice = f"ufw allow {facts.port}/udp; ufw allow {facts.port}/tcp"
        yield Verdict(Grade.NOTE, "firewall", f"{facts.firewall} is on", advice)


def _addresses(facts: Facts) -> Iterator[Verdict]:
    if not facts.local:
        yield Verdict(Grade.WRONG, "address", f"no address of this machine belongs to {facts.host}")
    elif all(ip_address(address).is_loopback for address in facts.local):
        advice = "--host 0.0.0.0 listens on every IPv4 address, --host :: on IPv6 too"
        yield Verdict(Grade.NOTE, "address", "only this machine can reach the node", advice)
    else:
        yield Verdict(Grade.FINE, "address", "listens on " + ", ".join(facts.local))


def _announced(facts: Facts) -> Iterator[Verdict]:
    families = {ip_address(address).version for address in facts.local}
    for text in facts.announced:
        address = ip_address(text)
        if address.is_unspecified or address.is_multicast:
            yield Verdict(Grade.WRONG, "announce", f"{text} is not the address of a machine")
        elif address.version not in families:
            advice = "--host :: listens on both families"
            yield Verdict(Grade.WRONG, "announce", f"{text} is IPv{address.version}, which nothing listens on", advice)
        elif not _is_public(address):
            advice = "announce the address by which they reach the router, if they are elsewhere"
            yield Verdict(
                Grade.NOTE, "announce", f"{text} is private: only browsers of the same network reach it", advice
            )
        if facts.returned.get(text):
            yield Verdict(Grade.FINE, "announce", f"a packet to {text} came back to this machine")
        elif text in facts.returned:
            advice = (
                f"forward UDP and TCP {facts.port} of the router to this machine, the same number outside and inside."
                " If that is done, the router may only not answer from within: then ask from outside"
            )
            yield Verdict(Grade.NOTE, "announce", f"a packet to {text} did not come back", advice)


def _unannounced(facts: Facts) -> Iterator[Verdict]:
    reachable = [ip_address(address) for address in facts.local if not ip_address(address).is_loopback]
    if not reachable or any(_is_public(address) for address in reachable):
        return
    told = ", ".join(map(str, reachable))
    if facts.container and any(address in BRIDGES for address in reachable if address.version == 4):
        advice = (
            f"publish the port for both (-p {facts.port}:{facts.port}/udp -p {facts.port}:{facts.port}/tcp) and"
            " --announce the address of the machine, or use the machine's network (--network host)"
        )
        yield Verdict(Grade.WRONG, "announce", f"a container's own network ({told}): no browser reaches it", advice)
        return
    advice = "--announce the public address, and forward UDP and TCP of the port to this machine"
    text = f"only private addresses are told to browsers ({told}): others than of this network have no picture"
    yield Verdict(Grade.NOTE, "announce", text, advice)


def _pages(facts: Facts) -> Iterator[Verdict]:
    if any(not ip_address(address).is_loopback for address in facts.local):
        text = "browsers give cameras and microphones to https pages only (and to localhost)"
        yield Verdict(Grade.NOTE, "https", text, "put a TLS proxy in front of TCP; media needs none, it is encrypted")


def _machine(facts: Facts) -> Iterator[Verdict]:
    if facts.twin_fault:
        advice = "install Tally again" if facts.compiler else "install a C compiler (apt install gcc), then Tally again"
        text = f"the pure one, which costs about a third more: {facts.twin_fault}"
        yield Verdict(Grade.NOTE, "fan-out", text, advice)
    else:
        yield Verdict(Grade.FINE, "fan-out", "compiled")
    for name, granted in facts.buffers.items():
        if granted < BUFFER:
            advice = f"sysctl -w net.core.{name}={BUFFER}, and the same line in /etc/sysctl.d"
            text = f"net.core.{name} is {granted}: bursts above that are lost"
            yield Verdict(Grade.NOTE, "buffers", text, advice)
    if facts.files < FILES:
        text = f"{facts.files} open files are allowed: that many connections"
        yield Verdict(Grade.NOTE, "files", text, "ulimit -n 65536, or LimitNOFILE= in the unit")
    if facts.cores < 2:
        text = "there is one core: whatever else runs here delays packets"
        yield Verdict(Grade.NOTE, "cores", text, "a node uses one core; give the machine a second one")


def _data(facts: Facts) -> Iterator[Verdict]:
    if facts.data_fault:
        yield Verdict(Grade.WRONG, "data", facts.data_fault, "choose a folder with --data")
    elif facts.free_bytes < FREE:
        text = f"{facts.free_bytes >> 20} MiB are free in {facts.data_dir}: the journal of usage needs room"
        yield Verdict(Grade.NOTE, "data", text)
    else:
        yield Verdict(Grade.FINE, "data", f"{facts.data_dir} can be written")


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not (address.version == 4 and address in CARRIER)
