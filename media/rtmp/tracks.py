"""From the tags of an RTMP stream to RTP: its H.264 as it is, on a clock that sound and picture share.

The stream's time is in milliseconds of 32 bits, which wrap after 50 days, and both kinds count from the same start.
RTP times are that time in the ticks of each kind, so that sound and picture are together from their first packet on.

B-frames are shown before frames that were decoded earlier; a browser, which decodes in the order of the packets and
shows at once, would stumble over them. A composition time alone is no proof: encoders without B-frames may have the
same one all along.

Pure: tags in, packets out.
"""

from __future__ import annotations

from media.rtmp import avc
from media.rtmp.errors import BadMessage, UnsupportedTrack
from media.rtmp.flv import Part, VideoTag
from media.rtp.h264 import IDR, PPS, SPS, kind_of, payloads, profile_of
from media.rtp.packets import HEADER

__all__ = ["StreamClock", "VideoTrack"]

VIDEO_CLOCK = 90
"""Ticks of a millisecond."""
_LEFT_OUT = (9, 10, 11, 12)
"""NAL units that say nothing over RTP: delimiters, ends, filler."""
_HALF = 1 << 31
JUMP = 5000
"""Milliseconds: more than sound and picture are apart in any stream."""
AFTER_JUMP = 20
"""Milliseconds from the last frame before to the first one behind a jump."""


class StreamClock:
    """Extends times of 32 bits to plain numbers, each read as the nearest to the newest; one for sound and picture, so
    that they stay together over a wrap. Where a stream jumps (an encoder that begins anew at 0), its viewers' time goes
    on as if it had not."""

    __slots__ = ("_extended", "_newest")

    def __init__(self) -> None:
        self._newest: int | None = None  # as it came
        self._extended = 0

    def extend(self, time: int) -> int:
        """Milliseconds; may step back, as kinds interleave."""
        if self._newest is None:
            self._newest = time
            self._extended = time + (1 << 32)  # so that what comes out of order in the beginning is not negative
            return self._extended
        step = ((time - self._newest + _HALF) & 0xFFFFFFFF) - _HALF
        if abs(step) > JUMP:
            step = AFTER_JUMP
        elif step <= 0:
            return self._extended + step
        self._newest = time
        self._extended += step
        return self._extended


class VideoTrack:
    """The picture of one stream."""

    def __init__(self) -> None:
        self.configured = False
        self.reorders = False
        """It has B-frames: known by the first one."""
        self.profile = ""
        """As `profile-level-id`."""
        self._sps: tuple[bytes, ...] = ()
        self._pps: tuple[bytes, ...] = ()
        self._length_size = 4
        self._sequence = 0
        self._decoded = 0  # time of the last frame
        self._shown = 0  # the latest time of presentation so far

    def configure(self, tag: VideoTag) -> None:
        """Takes the decoder configuration. Raises BadMessage, UnsupportedTrack."""
        if tag.codec != "H264":
            raise UnsupportedTrack(f"{tag.codec} is not taken; send H.264")
        record = avc.configuration(tag.data)
        profile = profile_of(record.sps[0])
        if not profile:
            raise UnsupportedTrack("this profile of H.264 plays in no browser; send Baseline, Main or High with 4:2:0")
        self.profile = profile
        self._length_size, self._sps, self._pps = record.length_size, record.sps, record.pps
        self.configured = True

    def packets(self, time: int, tag: VideoTag) -> list[bytearray]:
        """The RTP packets of one frame, of payload type and SSRC 0. `time`: extended milliseconds of decoding.

        Raises BadMessage, UnsupportedTrack."""
        if tag.part is not Part.FRAME:
            return []
        if tag.codec != "H264":
            raise UnsupportedTrack(f"{tag.codec} is not taken; send H.264")
        if not self.configured:
            raise BadMessage("a frame before the configuration of its decoder")
        shown = time + tag.composition
        if time < self._decoded:  # the encoder's clock was set back, which is no reordering
            self._shown = shown
        self.reorders |= shown < self._shown
        self._decoded, self._shown = time, max(self._shown, shown)
        units = self._picture(avc.units_of(tag.data, self._length_size))
        starts = any(kind_of(unit) == IDR for unit in units)
        return self._packets(shown, list(payloads([*self._sps, *self._pps] if starts else [], units)))

    def _picture(self, units: list[bytes]) -> list[bytes]:
        """`units` without parameter sets, which are kept for the next key frames instead."""
        sps = tuple(unit for unit in units if kind_of(unit) == SPS and len(unit) >= 4)
        pps = tuple(unit for unit in units if kind_of(unit) == PPS)
        if sps and pps:
            self._sps, self._pps = sps, pps
        return [unit for unit in units if kind_of(unit) not in (SPS, PPS, *_LEFT_OUT)]

    def _packets(self, shown: int, found: list[bytes]) -> list[bytearray]:
        packets = []
        ticks = shown * VIDEO_CLOCK & 0xFFFFFFFF
        for index, payload in enumerate(found, 1):
            marker = 0x80 if index == len(found) else 0
            packets.append(bytearray(HEADER.pack(0x80, marker, self._sequence, ticks, 0)) + payload)
            self._sequence = (self._sequence + 1) & 0xFFFF
        return packets
