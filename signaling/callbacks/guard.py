"""Which addresses callbacks may go to. An app's administrator chooses the URL, and must not reach through this server
into the operator's own network: only public addresses are called, unless the operator says otherwise.

It is asked twice: about the URL when it is set, and about the address at every connection, for a name may lead
elsewhere by then.

Pure: text in, a fault's sentence or None out.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

__all__ = ["MAX_URL", "address_fault", "host_of", "url_fault"]

MAX_URL = 500
_TRANSLATED = IPv6Address("64:ff9b::").packed[:12]
"""The prefix of NAT64 (RFC 6052)."""
_UNICAST = IPv6Network("2000::/3")
"""The one part of IPv6 that is given out (RFC 4291). Outside are the ways into a local network that no table of single
ranges has in full: local NAT64, SIIT, site-local and IPv4-compatible addresses."""


def url_fault(url: str, *, private: bool) -> str | None:
    """What is wrong with a URL, whatever its name may lead to. `private`: any address will do."""
    if len(url) > MAX_URL:
        return f"A callback URL has at most {MAX_URL} characters."
    if not url.isascii() or any(not char.isprintable() or char == " " for char in url):
        return "A callback URL has printable ASCII characters only."
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https"):
        return "A callback URL begins with http:// or https://."
    if not parts.hostname:
        return "A callback URL names a host."
    if "@" in parts.netloc:
        return "A callback URL carries no user name and no password."
    if parts.fragment:
        return "A callback URL has no fragment."
    return address_fault(parts.hostname, private=private) if _is_address(parts.hostname) else None


def host_of(url: str) -> tuple[str, int]:
    """The host and the port of a URL without a fault."""
    parts = urlsplit(url)
    assert parts.hostname is not None, "it has no fault"
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def address_fault(address: str, *, private: bool) -> str | None:
    """Why an IP address is not called; None: it may be."""
    if private:
        return None
    try:
        found = _innermost(ip_address(address.partition("%")[0]))
    except ValueError:
        return "That is no IP address."
    given_out = isinstance(found, IPv4Address) or found in _UNICAST
    if given_out and found.is_global and not found.is_multicast:
        return None
    return "A callback goes to a public address; the operator may allow others (--private-callbacks)."


def _innermost(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one leads to, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address.packed[:12] == _TRANSLATED:
        return IPv4Address(address.packed[12:])
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises for one that is no number
    except ValueError:
        return None
    return parts


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
