"""Many small datagrams in one system call: slots of memory that are filled, protected in place, and sent by `sendmmsg`.

The pure twin. One ring belongs to one UDP socket. Its iovecs and message headers are written once; a batch changes
payloads, lengths and names only, all three by numpy over the same memory, so that a datagram costs no Python of its own
but `protect`. libsrtp writes each protected length straight into the iovec.

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

from media.drops import Drop, Drops
from media.forwarding.audience import Audience, Burst
from media.transport.aiortc_seam import protect, protect_rtcp, srtp_ffi

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
    """The slots of one socket: the pure twin of media.transport.batch_sender.BatchSender."""

    def __init__(self, sock: socket.socket, drops: Drops) -> None:
        assert sys.byteorder == "little", "lengths are written through the low half of a size_t"
        self._socket = sock
        self._fd = sock.fileno()
        self._drops = drops
        self._name_size = 28 if sock.family == socket.AF_INET6 else 16
        self._memory = srtp_ffi.new("char[]", SLOTS * STRIDE)
        self._iovecs = _ffi.new("struct iovec[]", SLOTS)
        self._messages = _ffi.new("struct mmsghdr[]", SLOTS)
        self.packets_sent = 0
        self.octets_sent = 0
        self.blocked = False
        self._left = (0, 0)  # slots that the socket has not taken yet

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
        self._words: dict[int, NDArray[np.uint16]] = {}
        self._iov_lengths = np.frombuffer(_ffi.buffer(self._iovecs), np.uint64).reshape(SLOTS, 2)[:, 1]
        words = _ffi.sizeof("struct mmsghdr") // 8
        self._names = np.frombuffer(_ffi.buffer(self._messages), np.uint64).reshape(SLOTS, words)[:, 0]
        for index in range(SLOTS):
            self._iovecs[index].base = _ffi.cast("void *", int(srtp_ffi.cast("uintptr_t", self.slots[index])))
            header = self._messages[index].header
            header.namelen = self._name_size
            header.iov = _ffi.addressof(self._iovecs, index)
            header.iovlen = 1

    def send(self, audience: Audience, burst: Burst, start: int) -> int:
        """See BatchSender. Slots hold the packets one after the other, each for the same stretch of viewers."""
        packets = burst.packets
        count = min(len(audience) - start, SLOTS // len(packets))
        stop = start + count
        names = audience.names[start:stop]
        for index, packet in enumerate(packets):
            at = index * count
            size = len(packet)
            self._bytes[at : at + count, :size] = np.frombuffer(packet, np.uint8)
            self._iov_lengths[at : at + count] = size
            self._names[at : at + count] = names
            if audience.shifted and not burst.is_rtcp:
                self._shift(audience, start, stop, packet, at, burst.picture_at[index], burst.base_layer_at[index])
        contexts = audience.contexts if count == len(audience) else audience.contexts[start:stop]
        if len(packets) > 1:
            contexts = contexts * len(packets)
        codes = list(map(protect_rtcp if burst.is_rtcp else protect, contexts, self.slots, self.lengths))
        used = len(contexts)
        if any(codes):
            used = self._close_up(codes)
        self._send(0, used)
        return stop

    def resume(self) -> None:
        """See BatchSender."""
        self.blocked = False
        self._send(*self._left)

    def address(self, names: Names) -> None:
        """Sets where the first slots go, for a caller that fills them itself."""
        self._names[: len(names)] = names

    def transmit(self, start: int, stop: int) -> tuple[int, int]:
        """Sends the slots [start, stop). Answers where it stopped and the errno that stopped it (0 for none)."""
        if not _HAS_SENDMMSG:
            return self._transmit_singly(start, stop)
        while start < stop:
            sent = _libc.sendmmsg(self._fd, self._messages + start, stop - start, socket.MSG_DONTWAIT)
            if sent < 0:
                return start, _ffi.errno
            start += sent
        return stop, 0

    def _shift(
        self, audience: Audience, start: int, stop: int, packet: bytes, at: int, picture_at: int, base_layer_at: int
    ) -> None:
        """Moves the numbers of one packet for each of its viewers, whole columns at a time."""
        count = stop - start
        number = packet[2] << 8 | packet[3]
        self._word(2)[at : at + count] = number - audience.numbers[start:stop]
        if picture_at:
            picture = packet[picture_at] << 8 | packet[picture_at + 1]
            self._word(picture_at)[at : at + count] = (picture - audience.pictures[start:stop]) | 0x8000
        if base_layer_at:
            self._bytes[at : at + count, base_layer_at] = packet[base_layer_at] - audience.base_layers[start:stop]

    def _word(self, offset: int) -> NDArray[np.uint16]:
        """The 16 bits at `offset` of every slot, in network order."""
        column = self._words.get(offset)
        if column is None:
            column = np.ndarray((SLOTS,), ">u2", srtp_ffi.buffer(self._memory), offset, (STRIDE,))
            self._words[offset] = column
        return column

    def _close_up(self, codes: list[int]) -> int:
        """Takes the slots that failed to encrypt out of the batch: those are never sent. Answers how many are left."""
        sound = [index for index, code in enumerate(codes) if not code]
        self._drops.count(Drop.PROTECT_FAILED, len(codes) - len(sound))
        for to, index in enumerate(sound):
            if to != index:
                self._bytes[to] = self._bytes[index]
                self._iov_lengths[to] = self._iov_lengths[index]
                self._names[to] = self._names[index]
        return len(sound)

    def _send(self, start: int, stop: int) -> None:
        """Sends slots, passing over those the system refuses; remembers the rest when the socket is full."""
        at = start
        while at < stop:
            reached, error = self.transmit(at, stop)
            self.packets_sent += reached - at
            self.octets_sent += int(self._iov_lengths[at:reached].sum())
            at = reached
            if error in (errno.EAGAIN, errno.ENOBUFS):
                self._left = (at, stop)
                self.blocked = True
                return
            if error:
                self._drops.count(Drop.SEND_FAILED)
                at += 1

    def _transmit_singly(self, start: int, stop: int) -> tuple[int, int]:
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
