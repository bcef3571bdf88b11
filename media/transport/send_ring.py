"""Many small datagrams in one system call: slots of memory that are filled, protected in place, and sent by `sendmmsg`.

One ring belongs to one UDP socket. Its iovecs and message headers are written once; a batch changes payloads, lengths
and names only, all three by numpy over the same memory, so that a datagram costs no Python of its own but `protect`.
libsrtp writes each protected length straight into the iovec.

Where the C library has no `sendmmsg` (macOS), `sendto` is called for each slot.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from typing import Any

import numpy as np
from cffi import FFI
from numpy.typing import NDArray

from media.transport.aiortc_seam import srtp_ffi

__all__ = ["SLOTS", "STRIDE", "SendRing", "Name", "Names"]

SLOTS = 256
"""Datagrams in one batch: 256 slots of 1,536 bytes stay within a second-level cache."""
STRIDE = 1536
"""Bytes from slot to slot: a datagram of 1,500 and libsrtp's tag."""

Names = NDArray[np.uint64]
"""Addresses (pointers) of socket addresses, one for each datagram of a batch."""

_ffi = FFI()
_ffi.cdef(
    """
    struct iovec { void *base; size_t len; };
    struct msghdr {
        void *name; uint32_t namelen; struct iovec *iov; size_t iovlen; void *control; size_t controllen; int flags;
    };
    struct mmsghdr { struct msghdr header; unsigned int len; };
    int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags);
    """
)
_libc = _ffi.dlopen(None)
_HAS_SENDMMSG = sys.platform == "linux" and hasattr(_libc, "sendmmsg")


class Name:
    """A socket address in memory that the kernel can read, for as long as this object lives."""

    __slots__ = ("_memory", "pointer", "size")

    def __init__(self, family: int, address: tuple[Any, ...]) -> None:
        """`address` is what the socket module gives for a datagram of that family."""
        if family == socket.AF_INET6:
            host, port, flow, scope = (*address, 0, 0)[:4]
            raw = struct.pack("=HHI16sI", family, socket.htons(port), flow, _packed(family, host), scope)
        else:
            raw = struct.pack("=HH4s8x", family, socket.htons(address[1]), _packed(family, address[0]))
        self._memory = _ffi.new("char[]", raw)
        self.size = len(raw)
        self.pointer = int(_ffi.cast("uintptr_t", self._memory))


def _packed(family: int, host: str) -> bytes:
    return socket.inet_pton(family, host.partition("%")[0])


class SendRing:
    """The slots of one socket. Not thread-safe; used between two turns of the event loop only."""

    def __init__(self, sock: socket.socket) -> None:
        assert sys.byteorder == "little", "lengths are written through the low half of a size_t"
        self._socket = sock
        self._fd = sock.fileno()
        self._name_size = 28 if sock.family == socket.AF_INET6 else 16
        self._memory = srtp_ffi.new("char[]", SLOTS * STRIDE)
        self._iovecs = _ffi.new("struct iovec[]", SLOTS)
        self._messages = _ffi.new("struct mmsghdr[]", SLOTS)

        self.slots = [self._memory + index * STRIDE for index in range(SLOTS)]
        """Pointer to the first byte of each slot, as libsrtp takes it."""
        self.lengths = [
            srtp_ffi.cast("int *", int(_ffi.cast("uintptr_t", _ffi.addressof(self._iovecs, index, "len"))))
            for index in range(SLOTS)
        ]
        """Pointer to the length of each slot's datagram, as libsrtp takes it."""

        self._bytes = np.frombuffer(srtp_ffi.buffer(self._memory), np.uint8).reshape(SLOTS, STRIDE)
        self.view = memoryview(srtp_ffi.buffer(self._memory))
        """All slots as bytes; slot i starts at i * STRIDE."""
        self._iov_lengths = np.frombuffer(_ffi.buffer(self._iovecs), np.uint64).reshape(SLOTS, 2)[:, 1]
        words = _ffi.sizeof("struct mmsghdr") // 8
        self._names = np.frombuffer(_ffi.buffer(self._messages), np.uint64).reshape(SLOTS, words)[:, 0]
        for index in range(SLOTS):
            self._iovecs[index].base = _ffi.cast("void *", int(srtp_ffi.cast("uintptr_t", self.slots[index])))
            header = self._messages[index].header
            header.namelen = self._name_size
            header.iov = _ffi.addressof(self._iovecs, index)
            header.iovlen = 1

    def fill(self, packet: bytes, names: Names) -> None:
        """Puts `packet` into the first slots, one for each of `names` (at most SLOTS)."""
        count, size = len(names), len(packet)
        self._bytes[:count, :size] = np.frombuffer(packet, np.uint8)
        self._iov_lengths[:count] = size
        self._names[:count] = names

    def address(self, names: Names) -> None:
        """Sets where the first slots go, for a caller that fills them itself."""
        self._names[: len(names)] = names

    def send(self, start: int, stop: int) -> tuple[int, int]:
        """Sends the slots [start, stop). Answers where it stopped and the errno that stopped it (0 for none)."""
        if not _HAS_SENDMMSG:
            return self._send_singly(start, stop)
        while start < stop:
            sent = _libc.sendmmsg(self._fd, self._messages + start, stop - start, socket.MSG_DONTWAIT)
            if sent < 0:
                return start, _ffi.errno
            start += sent
        return stop, 0

    def _send_singly(self, start: int, stop: int) -> tuple[int, int]:
        for index in range(start, stop):
            name = _ffi.buffer(_ffi.cast("char *", self._messages[index].header.name), self._name_size)[:]
            at = index * STRIDE
            try:
                self._socket.sendto(self.view[at : at + int(self._iov_lengths[index])], _unpacked(name))
            except BlockingIOError:
                return index, errno.EAGAIN
            except OSError as error:
                return index, error.errno or errno.EIO
        return stop, 0


def _unpacked(name: bytes) -> tuple[Any, ...]:
    """The socket module's form of a socket address."""
    family = int.from_bytes(name[:2], sys.byteorder)
    port = int.from_bytes(name[2:4], "big")
    if family == socket.AF_INET6:
        flow, scope = (int.from_bytes(part, sys.byteorder) for part in (name[4:8], name[24:28]))
        return socket.inet_ntop(family, name[8:24]), port, flow, scope
    return socket.inet_ntop(family, name[4:8]), port
