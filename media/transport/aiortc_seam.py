"""The one module that touches private names of aiortc and pylibsrtp, with the contract test that guards them.

aiortc gives us DTLS: the handshake, the check of the fingerprint, the SRTP keys. We feed it DTLS datagrams only, and
borrow its two libsrtp sessions; media never passes through it. Overridden is what would harm a server (figures in the
tests): one bad datagram must not close a transport, a long flight must not be cut, the protocol version must not change
by a mere upgrade of OpenSSL.

Not here: any decision. Another version of aiortc, pyOpenSSL or pylibsrtp touches this file and no other.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import pylibsrtp
from aiortc import (
    RTCCertificate,
    RTCDataChannel,
    RTCDataChannelParameters,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCSctpCapabilities,
    RTCSctpTransport,
)
from aiortc import rtcdtlstransport as dtls_module
from cffi import FFI
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from OpenSSL import SSL
from pylibsrtp import _binding as libsrtp

__all__ = [
    "DataAssociation", "DatagramWire", "NodeCertificate", "DtlsServer", "DtlsClient", "SrtpPair", "srtp_pair",
    "SeamBroken", "check_contract", "pointer_of", "srtp_addresses",
]  # fmt: skip

_DTLS_1_2 = 0xFEFD
_MTU = 1200  # bytes of one DTLS datagram: passes every VPN and TURN relay we know of
_RECORD_HEADER = 13
_RELEASE_BUFFERS = 0x10  # SSL_MODE_RELEASE_BUFFERS, which pyOpenSSL does not name: 10 KiB less for each idle peer
_MESSAGES = (51, 53)  # payload protocol ids of a string and of bytes (RFC 8831 section 8)
_HOSTILE = (ValueError, IndexError, KeyError, AssertionError, struct.error, UnicodeDecodeError)

_PROFILES = [dtls_module.SRTP_AEAD_AES_128_GCM, dtls_module.SRTP_AEAD_AES_256_GCM, dtls_module.SRTP_AES128_CM_SHA1_80]
"""GCM first: as DTLS server our order decides, and GCM costs a third of CM with SHA-1."""


class SeamBroken(RuntimeError):
    """An installed package is not what this module was written against."""


class DatagramWire(Protocol):
    """All that RTCDtlsTransport asks of its ICE transport (the names are aiortc's)."""

    role: str

    async def _recv(self) -> bytes:
        """The next DTLS datagram; raises ConnectionError when there will be none."""
        ...

    async def _send(self, data: bytes) -> None: ...


class NodeCertificate(RTCCertificate):
    """The node's certificate with one shared SSL context: half the CPU and 23 KiB less for each peer."""

    _context: SSL.Context | None = None

    @property
    def fingerprint(self) -> str:
        """`sha-256 AA:BB:...`, as SDP writes it."""
        for fingerprint in self.getFingerprints():
            if fingerprint.algorithm == "sha-256":
                return f"sha-256 {fingerprint.value}"
        raise SeamBroken("aiortc no longer computes a sha-256 fingerprint")

    def pem(self) -> tuple[bytes, bytes]:
        """Certificate and private key, for another TLS library in this process."""
        key = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return self._cert.public_bytes(Encoding.PEM), key

    def _create_ssl_context(self, srtp_profiles: list[Any]) -> SSL.Context:
        if self._context is None:
            self._context = super()._create_ssl_context(srtp_profiles)
            self._context.set_options(SSL.OP_NO_QUERY_MTU)
            # OpenSSL 4.1 brings DTLS 1.3 to this version-flexible context; that will be a decision, with its tests.
            self._context.set_max_proto_version(_DTLS_1_2)
            self._context.set_mode(_RELEASE_BUFFERS)
            self._context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        return self._context


class _Dtls(RTCDtlsTransport):
    """What both roles share."""

    def __init__(self, wire: DatagramWire, certificate: NodeCertificate, role: str) -> None:
        super().__init__(wire, [certificate])  # type: ignore[arg-type]
        self._srtp_profiles = _PROFILES
        self._set_role(role)
        self.hostile_records = 0
        """Records of an authenticated peer that aiortc could not digest: the transport lives on."""

    async def handshake(self, fingerprint: str) -> SrtpPair | None:
        """Runs the handshake and gives the SRTP keys, or None when it failed. `fingerprint` as SDP writes it."""
        algorithm, _, value = fingerprint.partition(" ")
        await self.start(RTCDtlsParameters([RTCDtlsFingerprint(algorithm, value.strip())]))
        if self.state != "connected":
            return None
        return SrtpPair(self._rx_srtp, self._tx_srtp, self._connection.get_selected_srtp_profile().decode())

    def on_closed(self, callback: Callable[[], None]) -> None:
        """`callback` runs once, when the peer has closed the connection or it has failed."""

        def changed() -> None:
            if self.state in ("closed", "failed"):
                self.remove_all_listeners()
                callback()

        self.add_listener("statechange", changed)

    @property
    def _connection(self) -> SSL.Connection:
        assert self._ssl is not None, "start() makes the connection before anything is read or written"
        return self._ssl

    async def _do_handshake(self) -> None:
        self._connection.set_ciphertext_mtu(_MTU)
        await super()._do_handshake()

    async def _recv_next(self) -> None:
        try:
            await super()._recv_next()
        except _HOSTILE:
            self.hostile_records += 1

    async def _write_ssl(self) -> None:
        # The memory BIO glues the datagrams of a flight together; cut it where a record ends.
        flight = bytearray()
        while True:
            try:
                flight += self._connection.bio_read(65536)
            except SSL.Error:
                break
        start = at = 0
        while at + _RECORD_HEADER <= len(flight):
            following = at + _RECORD_HEADER + int.from_bytes(flight[at + 11 : at + 13], "big")
            if following - start > _MTU and at > start:
                await self._transport._send(bytes(flight[start:at]))
                start = at
            at = following
        if start < len(flight):
            await self._transport._send(bytes(flight[start:]))


class DtlsServer(_Dtls):
    """The server's end: our order of SRTP profiles decides."""

    def __init__(self, wire: DatagramWire, certificate: NodeCertificate) -> None:
        super().__init__(wire, certificate, "server")


class DtlsClient(_Dtls):
    """The client's end: for remotes that insist on being the server, load generators and tests."""

    def __init__(self, wire: DatagramWire, certificate: NodeCertificate) -> None:
        super().__init__(wire, certificate, "client")


class DataAssociation(RTCSctpTransport):
    """SCTP over a connected DTLS transport, with one data channel that both sides agreed on beforehand: stream 0,
    unordered. What comes on other streams, and requests to open channels, are passed over."""

    def __init__(self, dtls: _Dtls, on_message: Callable[[bytes], None], *, resends: int, most: int) -> None:
        """`resends`: how often a message of ours is tried again. `most`: bytes of unfinished messages that the remote
        may leave here; with more the association ends."""
        super().__init__(dtls)
        self._on_message = on_message
        self._lowest_window = self._advertised_rwnd - most
        parameters = RTCDataChannelParameters(
            label="tally", negotiated=True, id=0, ordered=False, maxRetransmits=resends
        )
        self._channel = RTCDataChannel(self, parameters)

    async def begin(self, remote_port: int, most: int) -> None:
        """`most`: bytes of a message that the remote takes."""
        with suppress(ConnectionError):  # it is closing
            await self.start(RTCSctpCapabilities(maxMessageSize=most), remote_port)

    @property
    def is_open(self) -> bool:
        return self._channel.readyState == "open"

    @property
    def waiting(self) -> int:
        """Bytes that wait to be sent."""
        return self._channel.bufferedAmount + sum(len(chunk.user_data) for chunk in self._outbound_queue)

    def send(self, message: bytes) -> None:
        """Only when it is open."""
        self._channel.send(message)

    async def _receive_data_chunk(self, chunk: Any) -> None:
        await super()._receive_data_chunk(chunk)
        if self._advertised_rwnd < self._lowest_window:
            await self._abort()

    async def _receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        if stream_id == 0 and pp_id in _MESSAGES:
            self._on_message(data)


class SrtpPair:
    """The two SRTP sessions of one connected transport, as raw libsrtp contexts.

    The module-level functions below take such a context, a pointer to a packet with room behind it, and a pointer to
    its length; they work in place and answer 0 when all went well. A context lives as long as this object.
    """

    __slots__ = ("_keep", "profile", "rx", "tx", "tx_pointer")

    def __init__(self, rx: pylibsrtp.Session, tx: pylibsrtp.Session, profile: str) -> None:
        self._keep = (rx, tx)
        self.rx = rx._srtp[0]
        self.tx = tx._srtp[0]
        self.tx_pointer = pointer_of(self.tx)
        self.profile = profile


def srtp_pair(profile: str, *, rx: bytes, tx: bytes) -> SrtpPair:
    """The sessions of one transport from its keys (each with its salt), as aiortc sets them up."""
    number = next(item.libsrtp_profile for item in _PROFILES if item.openssl_profile.decode() == profile)
    sessions: list[pylibsrtp.Session] = []
    for key, direction in ((rx, pylibsrtp.Policy.SSRC_ANY_INBOUND), (tx, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)):
        policy = pylibsrtp.Policy(key=key, ssrc_type=direction, srtp_profile=number)
        policy.allow_repeat_tx = True
        policy.window_size = 1024
        sessions.append(pylibsrtp.Session(policy))
    return SrtpPair(sessions[0], sessions[1], profile)


protect = libsrtp.lib.srtp_protect
protect_rtcp = libsrtp.lib.srtp_protect_rtcp
unprotect = libsrtp.lib.srtp_unprotect
unprotect_rtcp = libsrtp.lib.srtp_unprotect_rtcp
"""int (srtp_t, void *packet, int *length): cffi functions of pylibsrtp, which release the interpreter lock."""

srtp_ffi = libsrtp.ffi
"""The cffi instance whose pointers those functions take."""


def pointer_of(context: Any) -> int:
    """The address of a libsrtp context, for the compiled twin."""
    return int(srtp_ffi.cast("uintptr_t", context))


def srtp_addresses() -> tuple[int, int]:
    """Where srtp_protect and srtp_protect_rtcp are, for calls from C. Raises SeamBroken unless libsrtp is a 2.x, whose
    functions work in place; those of 3.x take other arguments."""
    signature = srtp_ffi.typeof(protect).cname.replace(" ", "")
    if not signature.startswith("srtp_err_status_t(*)(structsrtp_ctx_t_*,void*,int*"):
        raise SeamBroken(f"srtp_protect has another signature: {signature}; libsrtp 3 would corrupt memory")
    library = FFI()
    library.cdef("const char *srtp_get_version_string(void);")
    try:
        version = library.string(library.dlopen(libsrtp.__file__).srtp_get_version_string()).decode()
    except (OSError, AttributeError) as error:
        raise SeamBroken(f"libsrtp does not tell its version: {error}") from error
    if not version.startswith("libsrtp2 2."):
        raise SeamBroken(f"pylibsrtp carries {version}, not libsrtp 2")
    return tuple(  # type: ignore[return-value]
        int(srtp_ffi.cast("uintptr_t", srtp_ffi.addressof(libsrtp.lib, name)))
        for name in ("srtp_protect", "srtp_protect_rtcp")
    )


REPLAYED = (9, 10)
"""srtp_err_status_replay_fail and replay_old: a repeated or very late packet, not an attack."""


def srtp_sessions(key: bytes) -> tuple[Any, Any]:
    """An outbound AES-128-GCM session of `key` (28 bytes) and its context, for the floor of a bench."""
    policy = pylibsrtp.Policy(
        key=key,
        ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND,
        srtp_profile=pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    )
    policy.allow_repeat_tx = True
    session = pylibsrtp.Session(policy)
    return session, session._srtp[0]


def check_contract() -> None:
    """Raises SeamBroken unless every private name is there and means what this module believes. Takes milliseconds."""
    for owner, names in (
        (RTCDtlsTransport, ("_do_handshake", "_recv_next", "_write_ssl", "_set_role", "_send_data", "start", "stop")),
        (
            RTCSctpTransport,
            ("_receive_data_chunk", "_receive", "_abort", "_data_channel_add_negotiated", "start", "stop"),
        ),
        (RTCCertificate, ("_create_ssl_context", "getFingerprints", "generateCertificate")),
        (SSL.Connection, ("set_ciphertext_mtu", "bio_read", "get_selected_srtp_profile")),
        (libsrtp.lib, ("srtp_protect", "srtp_unprotect", "srtp_protect_rtcp", "srtp_unprotect_rtcp")),
    ):
        for name in names:
            if not hasattr(owner, name):
                raise SeamBroken(f"{owner!r} has no {name}; Tally is written against the versions in requirements.lock")
    srtp_addresses()
    session, context = srtp_sessions(bytes(range(28)))
    packet = srtp_ffi.new("char[]", 64)
    srtp_ffi.memmove(packet, b"\x80\x60\x00\x01" + bytes(8) + b"payload", 19)
    length = srtp_ffi.new("int *", 19)
    if protect(context, packet, length) != 0 or length[0] != 19 + 16:
        raise SeamBroken("srtp_protect does not protect")
    del session
