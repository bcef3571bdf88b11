"""AAC or MP3 into Opus: stereo, 48 kHz, 20 ms a packet, on the clock of its stream.

Samples are counted, for times in milliseconds are too coarse to put packets together; but the times are what holds
picture and sound together. Where count and time have come apart by more than SLACK (a frame was lost, or the encoder's
two clocks differ), silence is put in or sound left out; a jump of more than JUMP begins anew at the new time.

Runs in a codec worker, never in a node.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray

__all__ = ["FRAME", "RATE", "OpusTranscoder"]

RATE = 48_000
FRAME = 960
"""Samples of a packet."""
SLACK = 30 * RATE // 1000
"""Samples: above what rounding to milliseconds and the frames of AAC make, below what lips show."""
JUMP = RATE
"""Samples."""
_DECODERS = {"AAC": "aac", "MP3": "mp3float"}


class OpusTranscoder:
    """One stream of sound."""

    def __init__(self, codec: str, configuration: bytes, bitrate: int) -> None:
        """`codec`: `AAC` with its AudioSpecificConfig, or `MP3`. `bitrate`: bits per second of the Opus."""
        self.damaged = 0
        """Frames that could not be decoded."""
        self._decoder = _context(_DECODERS[codec], "r")
        if configuration:
            self._decoder.extradata = configuration
        self._resampler = av.AudioResampler(format="flt", layout="stereo", rate=RATE)
        self._encoder = _context("libopus", "w")
        self._encoder.sample_rate = RATE
        self._encoder.layout = "stereo"
        self._encoder.format = "flt"
        self._encoder.bit_rate = bitrate
        self._encoder.time_base = Fraction(1, RATE)
        self._encoder.options = {"application": "audio", "frame_duration": "20", "vbr": "constrained"}
        self._waiting: NDArray[np.float32] = np.zeros((0, 2), np.float32)  # samples that make no packet yet
        self._encoded = 0  # samples that the encoder got
        self._offset: int | None = None  # time of the encoder's first sample

    def feed(self, time: int, data: bytes) -> Iterator[tuple[int, bytes]]:
        """One frame that came with `time` in milliseconds; gives packets with their times in samples."""
        try:
            decoded = self._decoder.decode(av.Packet(data))
        except av.FFmpegError:
            self.damaged += 1
            return
        for frame in decoded:
            frame.pts = None
            for part in self._resampler.resample(frame):
                self._place(time * RATE // 1000, part.to_ndarray().astype(np.float32, copy=False).reshape(-1, 2))
                yield from self._encode()
            time += 1000 * frame.samples // frame.sample_rate

    def _place(self, at: int, samples: NDArray[np.float32]) -> None:
        """Puts `samples` behind what waits, where `at` wants them."""
        ahead = at - self._next if self._offset is not None else 0
        if self._offset is None or abs(ahead) > JUMP:
            self._waiting = self._waiting[:0]
            self._offset = at - self._encoded
        elif ahead > SLACK:
            self._waiting = np.concatenate((self._waiting, np.zeros((ahead, 2), np.float32)))
        elif ahead < -SLACK:
            samples = samples[-ahead:]
        self._waiting = np.concatenate((self._waiting, samples))

    @property
    def _next(self) -> int:
        """The time of the sample behind the last one."""
        return (self._offset or 0) + self._encoded + len(self._waiting)

    def _encode(self) -> Iterator[tuple[int, bytes]]:
        while len(self._waiting) >= FRAME:
            block, self._waiting = self._waiting[:FRAME], self._waiting[FRAME:]
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(block).reshape(1, -1), format="flt", layout="stereo"
            )
            frame.sample_rate = RATE
            frame.time_base = Fraction(1, RATE)
            frame.pts = self._encoded
            self._encoded += FRAME
            for packet in self._encoder.encode(frame):
                # The encoder's look-ahead is in its times: what it heard at 0 is heard back at 0.
                yield (self._offset or 0) + (packet.pts or 0), bytes(packet)


def _context(name: str, mode: Literal["r", "w"]) -> av.AudioCodecContext:
    context = av.CodecContext.create(name, mode)
    assert isinstance(context, av.AudioCodecContext), name
    return context
