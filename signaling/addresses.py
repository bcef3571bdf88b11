"""Where a node listens, and where it is found."""

from __future__ import annotations

import socket

import ifaddr

__all__ = ["listen", "media_hosts", "url"]


def listen(host: str, port: int) -> list[socket.socket]:
    """Bound TCP sockets; `::` is everything: a socket for each family, so that no IPv4 address comes dressed as an IPv6
    one. Port 0 lets the system choose. Raises OSError."""
    listening: list[socket.socket] = []
    try:
        for address in ("::", "0.0.0.0") if host == "::" else (host,):
            sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
            listening.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((address, port))
            port = sock.getsockname()[1]
    except OSError:
        for sock in listening:
            sock.close()
        raise
    return listening


def media_hosts(host: str) -> list[str]:
    """One UDP socket for each local address: an answer must leave from the address that was asked."""
    if host not in ("0.0.0.0", "::"):
        return [host]
    found = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            address = ip.ip if isinstance(ip.ip, str) else ip.ip[0]
            if ip.is_IPv4 or (host == "::" and not address.startswith("fe80")):
                found.append(address)
    return sorted(found, key=lambda address: (address in ("127.0.0.1", "::1"), ":" not in address))


def url(host: str, port: int) -> str:
    """Where a browser on this machine finds the node."""
    host = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}.get(host, host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
