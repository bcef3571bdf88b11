"""A codec worker: `python -m media.codecs.worker FD`, started by media.codecs.pool with one end of a socket.

It does one job, frame by frame, and ends with the socket: when the node is gone, so is it.
"""

from __future__ import annotations

import json
import resource
import socket
import sys
import time

from media.codecs.sound import OpusTranscoder
from media.codecs.wire import FRAME, PACKET, READY, SETUP, Records, done, pack

__all__ = ["main"]

MAX_MEMORY = 2 << 30
"""Bytes of address space: a hostile stream shall not take the machine's."""
READ = 65536


def main(descriptor: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with socket.socket(fileno=descriptor) as node:
        node.setblocking(True)
        node.sendall(pack(READY))
        _serve(node)


def _serve(node: socket.socket) -> None:
    records = Records()
    transcoder: OpusTranscoder | None = None
    while data := node.recv(READ):
        for record in records.feed(data):
            if record.kind == SETUP:
                wish = json.loads(record.payload)
                transcoder = OpusTranscoder(wish["codec"], bytes.fromhex(wish["configuration"]), wish["bitrate"])
            elif record.kind == FRAME and transcoder is not None:
                made = [pack(PACKET, at, packet) for at, packet in transcoder.feed(record.time, record.payload)]
                node.sendall(b"".join(made) + done(time.process_time()))


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except (BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        pass
