"""The yardstick of `forward`, as a program: the least that sending can cost in Python.

    python -m tools.bench.floor VIEWERS SIZE SECONDS READER_CORE

A bare loop: each packet is copied into a slot for each viewer, its header rewritten there by `pack_into`, encrypted by
libsrtp with the viewer's key (AES-128-GCM), and all are sent by one `sendmmsg`; at the pace of the load (150 video
packets a second in bursts of five, 50 of audio), to as many sockets, drained by a reader on the other core. Prints the
CPU time of this process per packet.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import secrets
import socket
import sys
import time
from multiprocessing.connection import Connection
from struct import Struct

import numpy as np
import uvloop

from media.drops import Drops
from media.transport.aiortc_seam import protect, srtp_sessions
from media.transport.send_ring import SLOTS, STRIDE, Name, SendRing

AUDIO_SIZE = 92
_REWRITTEN = Struct("!HII")


def read(count: int, core: int, pipe: Connection) -> None:
    """Opens `count` sockets, tells their ports, and drains them until the pipe closes."""
    os.sched_setaffinity(0, {core})

    async def drain() -> None:
        loop = asyncio.get_running_loop()
        buffer = bytearray(2048)
        sockets = []
        for _ in range(count):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
            loop.add_reader(sock.fileno(), empty, sock, buffer)
            sockets.append(sock)
        pipe.send([sock.getsockname()[1] for sock in sockets])
        done = asyncio.Event()
        loop.add_reader(pipe.fileno(), done.set)
        await done.wait()

    def empty(sock: socket.socket, buffer: bytearray) -> None:
        try:
            while True:
                sock.recv_into(buffer)
        except OSError:
            return

    uvloop.run(drain())


def main() -> None:
    viewers, size, seconds, core = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    ours, theirs = multiprocessing.Pipe()
    reader = multiprocessing.get_context("spawn").Process(target=read, args=(viewers, core, theirs), daemon=True)
    reader.start()
    names = [Name(socket.AF_INET, ("127.0.0.1", port)) for port in ours.recv()]
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
    sock.setblocking(False)
    sessions = [srtp_sessions(secrets.token_bytes(28)) for _ in range(viewers)]
    floor = Floor(SendRing(sock, Drops()), names, [context for _, context in sessions])
    floor.run(size, 1.0)
    began, sent = time.process_time(), floor.sent
    floor.run(size, seconds)
    packets = floor.sent - sent
    print(json.dumps({"us_per_packet": (time.process_time() - began) / packets * 1e6, "packets": packets}), flush=True)
    ours.send(None)
    reader.join(5)
    reader.kill()


class Floor:
    """The loop."""

    def __init__(self, ring: SendRing, names: list[Name], contexts: list[object]) -> None:
        self._ring = ring
        self._pointers = np.array([name.pointer for name in names], np.uint64)
        self._contexts = contexts
        self._number = 0
        self.sent = 0

    def run(self, size: int, seconds: float) -> None:
        """Bursts of five video packets and one or two of audio, 30 times a second."""
        video, audio = (bytes((0x80, 96)) + bytes(length - 2) for length in (size, AUDIO_SIZE))
        began = time.monotonic()
        for frame in range(int(seconds * 30)):
            for _ in range(5):
                self._packet(video)
            for _ in range(2 if frame % 3 else 1):
                self._packet(audio)
            time.sleep(max(0.0, began + (frame + 1) / 30 - time.monotonic()))

    def _packet(self, packet: bytes) -> None:
        self._number += 1
        for start in range(0, len(self._contexts), SLOTS):
            self._batch(packet, start, min(start + SLOTS, len(self._contexts)))

    def _batch(self, packet: bytes, start: int, stop: int) -> None:
        ring, size, number = self._ring, len(packet), self._number
        view, slots, lengths, contexts = ring.view, ring.slots, ring.lengths, self._contexts
        ring.address(self._pointers[start:stop])
        for index in range(stop - start):
            at = index * STRIDE
            view[at : at + size] = packet
            _REWRITTEN.pack_into(view, at + 2, number & 0xFFFF, number, 0x1234)
            lengths[index][0] = size
            protect(contexts[start + index], slots[index], lengths[index])
        sent, _ = ring.transmit(0, stop - start)
        self.sent += sent


if __name__ == "__main__":
    main()
