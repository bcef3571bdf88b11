"""Many small datagrams in one system call: slots of memory that are filled, protected in place, and sent by `sendmmsg`.

The pure twin. One ring belongs to one UDP socket. A batch is written by numpy over the memory that the kernel reads, so
that a datagram costs no Python of its own but `protect`; libsrtp writes each protected length straight into the iovec.

With segment offload (UDP_SEGMENT) a message gathers the slots of several packets to one viewer, and the kernel cuts it
into datagrams again. Where the C library has no `sendmmsg` (macOS), `sendto` is called for each slot.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Sequence
from itertools import chain, repeat
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

_SEGMENT_OPTION = 103  # UDP_SEGMENT of linux/udp.h
_MAX_LAYOUTS = 64

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
    struct control { size_t len; int level; int type; uint16_t segment; uint16_t unused[3]; };
    int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags);
    """
)
_libc = _ffi.dlopen(None)
_HAS_SENDMMSG = sys.platform == "linux" and hasattr(_libc, "sendmmsg")


class Name:
    """A socket address in memory that the kernel can read, for as long as this object lives."""

    __slots__ = ("__weakref__", "_memory", "pointer", "size")

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


class _Layout:
    """How the slots of a batch go into messages, when every viewer gets the same ones: the columns of the headers."""

    __slots__ = ("columns", "joins", "segments", "starts")

    def __init__(self, packets: int, firsts: Sequence[int], iovecs: int, controls: int) -> None:
        """`packets` for each viewer, in messages that begin at `firsts`; `iovecs` and `controls` are addresses."""
        viewers = SLOTS // packets
        rows = np.arange(viewers * len(firsts))
        begins = np.array(firsts)[None, :] + packets * np.arange(viewers)[:, None]
        self.starts = begins.reshape(-1)
        """The first slot of each message."""
        self.segments = np.tile(np.diff([*firsts, packets]), viewers)
        """How many slots each message has."""
        joined = self.segments > 1
        self.joins = bool(joined.any())
        self.columns = np.zeros((len(rows), 4), np.uint64)
        self.columns[:, 0] = iovecs + _ffi.sizeof("struct iovec") * self.starts
        self.columns[:, 1] = self.segments
        self.columns[:, 2] = np.where(joined, controls + _ffi.sizeof("struct control") * rows, 0)
        self.columns[:, 3] = np.where(joined, _ffi.sizeof("struct control"), 0)


class SendRing:
    """The slots of one socket: the pure twin of media.transport.batch_sender.BatchSender."""

    def __init__(self, sock: socket.socket, drops: Drops, *, offload: bool = False) -> None:
        assert sys.byteorder == "little", "lengths are written through the low half of a size_t"
        self._socket = sock
        self._fd = sock.fileno()
        self._drops = drops
        self._name_size = 28 if sock.family == socket.AF_INET6 else 16
        self._memory = srtp_ffi.new("char[]", SLOTS * STRIDE)
        self._iovecs = _ffi.new("struct iovec[]", SLOTS)
        self._messages = _ffi.new("struct mmsghdr[]", SLOTS)
        self._controls = _ffi.new("struct control[]", SLOTS)
        self.offloads = offload and _HAS_SENDMMSG
        """Whether segment offload is in use: False also after the system refused it once."""
        self.packets_sent = 0
        self.octets_sent = 0
        self.blocked = False
        self._left = (0, 0)  # messages that the socket has not taken yet

        self.slots = [self._memory + index * STRIDE for index in range(SLOTS)]
        """Pointer to the first byte of each slot, as libsrtp takes it."""
        self.lengths = [
            srtp_ffi.cast("int *", _address(_ffi.addressof(self._iovecs, index, "len"))) for index in range(SLOTS)
        ]
        """Pointer to the length of each slot's datagram, as libsrtp takes it."""

        self._bytes = np.frombuffer(srtp_ffi.buffer(self._memory), np.uint8).reshape(SLOTS, STRIDE)
        self.view = memoryview(srtp_ffi.buffer(self._memory))
        """All slots as bytes; slot i starts at i * STRIDE."""
        self._words: dict[int, NDArray[np.uint16]] = {}
        self._iov_lengths = np.frombuffer(_ffi.buffer(self._iovecs), np.uint64).reshape(SLOTS, 2)[:, 1]
        words = np.frombuffer(_ffi.buffer(self._messages), np.uint64).reshape(SLOTS, -1)
        self._names = words[:, 0]
        self._gathers = words[:, 2:6]  # what is sent: the iovecs and the control message, each with its length
        self._segment_sizes = np.frombuffer(_ffi.buffer(self._controls), np.uint16).reshape(SLOTS, -1)[:, 8]
        self._segments = np.ones(SLOTS, np.int64)  # of each message, as are the next
        self._octets = np.zeros(SLOTS, np.uint64)
        self._layouts: dict[tuple[int, ...], _Layout] = {}
        self._laid: _Layout | None = None
        for index in range(SLOTS):
            self._iovecs[index].base = _ffi.cast("void *", int(srtp_ffi.cast("uintptr_t", self.slots[index])))
            self._messages[index].header.namelen = self._name_size
            self._controls[index].len = 16 + 2
            self._controls[index].level = socket.IPPROTO_UDP
            self._controls[index].type = _SEGMENT_OPTION
        self._lay_out([0], 1)

    def send(self, audience: Audience, burst: Burst, start: int) -> int:
        """See BatchSender. Slots hold the viewers one after the other, each with all packets."""
        firsts, packets = burst.messages(joined=self.offloads), burst.packets
        each = len(packets)
        count = min(len(audience) - start, SLOTS // each)
        stop, used = start + count, count * each
        for index, packet in enumerate(packets):
            size = len(packet)
            self._bytes[index:used:each, :size] = np.frombuffer(packet, np.uint8)
            self._iov_lengths[index:used:each] = size
            if audience.shifted and not burst.is_rtcp:
                places = slice(index, used, each)
                self._shift(audience, start, stop, packet, places, burst.picture_at[index], burst.base_layer_at[index])
        contexts = audience.contexts if count == len(audience) else audience.contexts[start:stop]
        repeated = contexts if each == 1 else chain.from_iterable(map(repeat, contexts, repeat(each)))
        codes = list(map(protect_rtcp if burst.is_rtcp else protect, repeated, self.slots, self.lengths))
        layout = self._lay_out(firsts, each)
        messages = count * len(firsts)
        self._names[:messages] = audience.names[start:stop].repeat(len(firsts))
        if any(codes):
            messages = self._close_up(codes, audience.names[start:stop].repeat(each))
        elif layout.joins:
            starts = layout.starts[:messages]
            self._segment_sizes[:messages] = self._iov_lengths[starts]
            self._octets[:messages] = np.add.reduceat(self._iov_lengths[:used], starts)
        else:
            self._octets[:messages] = self._iov_lengths[:used]
        self._send(0, messages)
        return stop

    def resume(self) -> None:
        """See BatchSender."""
        self.blocked = False
        self._send(*self._left)

    def address(self, names: Names) -> None:
        """Sets where the first slots go, for a caller that fills them itself."""
        self._names[: len(names)] = names

    def transmit(self, start: int, stop: int) -> tuple[int, int]:
        """Sends the messages [start, stop). Answers where it stopped and the errno that stopped it (0 for none)."""
        if not _HAS_SENDMMSG:
            return self._transmit_singly(start, stop)
        while start < stop:
            sent = _libc.sendmmsg(self._fd, self._messages + start, stop - start, socket.MSG_DONTWAIT)
            if sent < 0:
                return start, _ffi.errno
            start += sent
        return stop, 0

    def _lay_out(self, firsts: Sequence[int], packets: int) -> _Layout:
        """Makes the headers gather slots so; most batches are laid out as the one before."""
        key = (packets, *firsts)
        layout = self._layouts.get(key)
        if layout is None:
            if len(self._layouts) >= _MAX_LAYOUTS:
                self._layouts.clear()
            layout = _Layout(packets, firsts, _address(self._iovecs), _address(self._controls))
            self._layouts[key] = layout
        if layout is not self._laid:
            rows = len(layout.starts)
            self._gathers[:rows] = layout.columns
            self._segments[:rows] = layout.segments
            self._laid = layout
        return layout

    def _shift(
        self,
        audience: Audience,
        start: int,
        stop: int,
        packet: bytes,
        places: slice,
        picture_at: int,
        base_layer_at: int,
    ) -> None:
        """Moves the numbers of one packet for each of its viewers, whole columns at a time."""
        number = packet[2] << 8 | packet[3]
        self._word(2)[places] = number - audience.numbers[start:stop]
        if picture_at:
            picture = packet[picture_at] << 8 | packet[picture_at + 1]
            self._word(picture_at)[places] = (picture - audience.pictures[start:stop]) | 0x8000
        if base_layer_at:
            self._bytes[places, base_layer_at] = packet[base_layer_at] - audience.base_layers[start:stop]

    def _word(self, offset: int) -> NDArray[np.uint16]:
        """The 16 bits at `offset` of every slot, in network order."""
        column = self._words.get(offset)
        if column is None:
            column = np.ndarray((SLOTS,), ">u2", srtp_ffi.buffer(self._memory), offset, (STRIDE,))
            self._words[offset] = column
        return column

    def _close_up(self, codes: list[int], names: Names) -> int:
        """Takes the slots that failed to encrypt out of the batch: those are never sent. The others go singly, to the
        `names` of their slots. Answers how many are left."""
        sound = [index for index, code in enumerate(codes) if not code]
        self._drops.count(Drop.PROTECT_FAILED, len(codes) - len(sound))
        self._lay_out([0], 1)
        for to, index in enumerate(sound):
            if to != index:
                self._bytes[to] = self._bytes[index]
                self._iov_lengths[to] = self._iov_lengths[index]
        self._names[: len(sound)] = names[sound]
        self._octets[: len(sound)] = self._iov_lengths[: len(sound)]
        return len(sound)

    def _send(self, start: int, stop: int) -> None:
        """Sends messages, passing over those the system refuses; remembers the rest when the socket is full."""
        at = start
        while at < stop:
            reached, error = self.transmit(at, stop)
            self.packets_sent += int(self._segments[at:reached].sum())
            self.octets_sent += int(self._octets[at:reached].sum())
            at = reached
            if error in (errno.EAGAIN, errno.ENOBUFS):
                self._left = (at, stop)
                self.blocked = True
                return
            if error and self._segments[at] > 1:
                if self._send_segments(at) and error != errno.EMSGSIZE:
                    self.offloads = False  # it was not the way to this address: this system cannot do it
                at += 1
            elif error:
                self._drops.count(Drop.SEND_FAILED)
                at += 1

    def _send_segments(self, message: int) -> int:
        """A message that the system did not cut for us: each segment alone. Answers how many it took."""
        sent = 0
        header = self._messages[message].header
        name = _unpacked(_ffi.buffer(_ffi.cast("char *", header.name), self._name_size)[:])
        for index in range(header.iovlen):
            iovec = header.iov[index]
            try:
                self.octets_sent += self._socket.sendto(_ffi.buffer(_ffi.cast("char *", iovec.base), iovec.len), name)
            except OSError:
                self._drops.count(Drop.SEND_FAILED)
            else:
                sent += 1
        self.packets_sent += sent
        return sent

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


def _address(pointer: Any) -> int:
    return int(_ffi.cast("uintptr_t", pointer))


def _unpacked(name: bytes) -> tuple[Any, ...]:
    """The socket module's form of a socket address."""
    family = int.from_bytes(name[:2], sys.byteorder)
    port = int.from_bytes(name[2:4], "big")
    if family == socket.AF_INET6:
        flow, scope = (int.from_bytes(part, sys.byteorder) for part in (name[4:8], name[24:28]))
        return socket.inet_ntop(family, name[8:24]), port, flow, scope
    return socket.inet_ntop(family, name[4:8]), port
