"""The DTLS client for remotes that insist on being the server: GnuTLS, because OpenSSL 4 cannot talk to all of them.

FFmpeg's WHIP muxer is such a remote, and when it was built with GnuTLS (Debian's, PyAV's) its certificate has a P-224
key, a curve that OpenSSL 4 no longer knows in TLS. GnuTLS does. The library is part of every Debian system; where it is
missing the caller falls back to OpenSSL, and only those remotes cannot connect.

The shape is that of aiortc_seam.DtlsClient: `handshake`, `on_closed`, `stop`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections import deque
from collections.abc import Callable
from typing import Any

from cffi import FFI

from media.transport.aiortc_seam import DatagramWire, NodeCertificate, SrtpPair, srtp_pair

__all__ = ["GnutlsClient", "is_available"]

_ffi = FFI()
_ffi.cdef(
    """
    typedef struct { unsigned char *data; unsigned int size; } gnutls_datum_t;
    int gnutls_init(void **session, unsigned int flags);
    void gnutls_deinit(void *session);
    int gnutls_priority_set_direct(void *session, const char *priorities, const char **error);
    int gnutls_certificate_allocate_credentials(void **credentials);
    void gnutls_certificate_free_credentials(void *credentials);
    int gnutls_certificate_set_x509_key_mem(
        void *credentials, const gnutls_datum_t *cert, const gnutls_datum_t *key, int format);
    int gnutls_credentials_set(void *session, int kind, void *credentials);
    int gnutls_srtp_set_profile_direct(void *session, const char *profiles, const char **error);
    int gnutls_srtp_get_selected_profile(void *session, int *profile);
    int gnutls_srtp_get_keys(void *session, void *material, unsigned int size, gnutls_datum_t *client_key,
        gnutls_datum_t *client_salt, gnutls_datum_t *server_key, gnutls_datum_t *server_salt);
    void gnutls_dtls_set_mtu(void *session, unsigned int mtu);
    unsigned int gnutls_dtls_get_timeout(void *session);
    void gnutls_transport_set_push_function(void *session, ssize_t (*push)(void *, const void *, size_t));
    void gnutls_transport_set_pull_function(void *session, ssize_t (*pull)(void *, void *, size_t));
    void gnutls_transport_set_pull_timeout_function(void *session, int (*wait)(void *, unsigned int));
    void gnutls_transport_set_errno(void *session, int error);
    int gnutls_handshake(void *session);
    int gnutls_error_is_fatal(int error);
    ssize_t gnutls_record_recv(void *session, void *data, size_t size);
    int gnutls_bye(void *session, int how);
    const gnutls_datum_t *gnutls_certificate_get_peers(void *session, unsigned int *count);
    """
)
try:
    _lib = _ffi.dlopen("libgnutls.so.30")
except OSError:
    _lib = None

_CLIENT, _DATAGRAM, _NONBLOCK = 2, 4, 8
_CERTIFICATE, _PEM, _WRITE_ONLY = 1, 1, 1
_EAGAIN = 11
_MTU = 1200
_PRIORITIES = b"NORMAL:-VERS-ALL:+VERS-DTLS1.2:+GROUP-SECP224R1"
_PROFILE, _PROFILE_NUMBER = b"SRTP_AES128_CM_HMAC_SHA1_80", 1  # GnuTLS 3.7 has no AEAD profile, nor has FFmpeg
_HASHES = {"sha-256": hashlib.sha256, "sha-384": hashlib.sha384, "sha-512": hashlib.sha512}


def is_available() -> bool:
    """Whether GnuTLS is on this system and knows what is asked of it."""
    return _lib is not None


class GnutlsClient:
    """One client end over a wire of datagrams."""

    def __init__(self, wire: DatagramWire, certificate: NodeCertificate) -> None:
        self._wire = wire
        self._incoming: deque[bytes] = deque()
        self._outgoing: deque[bytes] = deque()
        self._closed: Callable[[], None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._keep: list[Any] = []
        self._session = self._open(certificate)

    async def handshake(self, fingerprint: str) -> SrtpPair | None:
        """Runs the handshake and gives the SRTP keys, or None when it failed. `fingerprint` as SDP writes it."""
        while (code := _lib.gnutls_handshake(self._session)) != 0:
            await self._flush()
            if _lib.gnutls_error_is_fatal(code):
                self._failed()
                return None
            await self._wait()
        await self._flush()
        pair = self._keys() if self._is_authentic(fingerprint) else None
        if pair is None:
            self._failed()
            return None
        self._task = asyncio.create_task(self._watch())
        return pair

    def on_closed(self, callback: Callable[[], None]) -> None:
        self._closed = callback

    def remove_all_listeners(self) -> None:
        self._closed = None

    async def stop(self) -> None:
        """Tells the remote and frees the session. Harmless when repeated."""
        if self._session is None:
            return
        if self._task is not None:
            self._task.cancel()
        _lib.gnutls_bye(self._session, _WRITE_ONLY)
        try:
            await self._flush()
        except ConnectionError:
            pass
        _lib.gnutls_deinit(self._session)
        self._session = None

    def _open(self, certificate: NodeCertificate) -> Any:
        box = _ffi.new("void **")
        _check(_lib.gnutls_init(box, _CLIENT | _DATAGRAM | _NONBLOCK))
        session = box[0]
        _check(_lib.gnutls_priority_set_direct(session, _PRIORITIES, _ffi.NULL))
        _check(_lib.gnutls_srtp_set_profile_direct(session, _PROFILE, _ffi.NULL))
        _check(_lib.gnutls_certificate_allocate_credentials(box))
        credentials = _ffi.gc(box[0], _lib.gnutls_certificate_free_credentials)
        cert, key = (_ffi.from_buffer("unsigned char[]", pem) for pem in certificate.pem())
        datums = [_ffi.new("gnutls_datum_t *", (part, len(part))) for part in (cert, key)]
        _check(_lib.gnutls_certificate_set_x509_key_mem(credentials, datums[0], datums[1], _PEM))
        _check(_lib.gnutls_credentials_set(session, _CERTIFICATE, credentials))
        _lib.gnutls_dtls_set_mtu(session, _MTU)
        push = _ffi.callback("ssize_t(void *, const void *, size_t)", self._push)
        pull = _ffi.callback("ssize_t(void *, void *, size_t)", self._pull)
        wait = _ffi.callback("int(void *, unsigned int)", lambda _, __: int(bool(self._incoming)))
        _lib.gnutls_transport_set_push_function(session, push)
        _lib.gnutls_transport_set_pull_function(session, pull)
        _lib.gnutls_transport_set_pull_timeout_function(session, wait)
        self._keep = [credentials, push, pull, wait]
        return session

    def _push(self, _: Any, data: Any, size: int) -> int:
        self._outgoing.append(_ffi.buffer(data, size)[:])
        return size

    def _pull(self, _: Any, data: Any, size: int) -> int:
        if not self._incoming:
            _lib.gnutls_transport_set_errno(self._session, _EAGAIN)
            return -1
        datagram = self._incoming.popleft()[:size]
        _ffi.memmove(data, datagram, len(datagram))
        return len(datagram)

    async def _flush(self) -> None:
        while self._outgoing:
            await self._wire._send(self._outgoing.popleft())

    async def _wait(self) -> None:
        """For the next datagram, or until GnuTLS wants to repeat its flight."""
        try:
            async with asyncio.timeout(max(0.01, _lib.gnutls_dtls_get_timeout(self._session) / 1000)):
                self._incoming.append(await self._wire._recv())
        except TimeoutError:
            pass

    def _is_authentic(self, fingerprint: str) -> bool:
        algorithm, _, expected = fingerprint.partition(" ")
        count = _ffi.new("unsigned int *")
        peers = _lib.gnutls_certificate_get_peers(self._session, count)
        if algorithm not in _HASHES or peers == _ffi.NULL or count[0] < 1:
            return False
        der = _ffi.buffer(peers[0].data, peers[0].size)[:]
        return hmac.compare_digest(_HASHES[algorithm](der).hexdigest(), expected.replace(":", "").lower())

    def _keys(self) -> SrtpPair | None:
        profile = _ffi.new("int *")
        if _lib.gnutls_srtp_get_selected_profile(self._session, profile) or profile[0] != _PROFILE_NUMBER:
            return None
        material = _ffi.new("unsigned char[]", 256)
        parts = [_ffi.new("gnutls_datum_t *") for _ in range(4)]
        if _lib.gnutls_srtp_get_keys(self._session, material, 256, *parts) < 0:
            return None
        client_key, client_salt, server_key, server_salt = (_ffi.buffer(part.data, part.size)[:] for part in parts)
        return srtp_pair("SRTP_AES128_CM_SHA1_80", rx=server_key + server_salt, tx=client_key + client_salt)

    async def _watch(self) -> None:
        """Reads what comes after the handshake: nothing but the remote's goodbye matters."""
        scratch = _ffi.new("char[]", 2048)
        while True:
            self._incoming.append(await self._wire._recv())
            code = _lib.gnutls_record_recv(self._session, scratch, 2048)
            if code == 0 or (code < 0 and _lib.gnutls_error_is_fatal(code)):
                self._failed()
                return

    def _failed(self) -> None:
        callback, self._closed = self._closed, None
        if callback is not None:
            callback()


def _check(code: int) -> None:
    if code < 0:
        raise OSError(f"GnuTLS refused its set-up (error {code})")
