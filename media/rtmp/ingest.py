"""One accepted RTMP stream on its way into the SFU: what tracks it has, and their frames as RTP.

Its publications begin together, when the configurations of all tracks are there that its metadata announce, or after
half a second of media; until then frames wait, so that the first key frame is not lost. A track that comes later is
added later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from media.feed import Feed
from media.interface import Publishing
from media.rtmp.errors import UnsupportedTrack
from media.rtmp.flv import AudioTag, Part, VideoTag
from media.rtmp.session import Audio, Metadata, Video
from media.rtmp.tracks import StreamClock, VideoTrack
from media.rtp.packets import HEADER
from media.sdp.codecs import Codec, canonical

__all__ = ["Ingest", "SoundJob", "SoundWorkers"]

PATIENCE = 500
"""Milliseconds of media after which tracks that are announced but do not come are not waited for."""
MOST_WAITING = 256
"""Frames that wait: half a second of both kinds has 60."""
_MEDIA = {"video": "videocodecid", "audio": "audiocodecid"}
_Frame: TypeAlias = "tuple[int, VideoTag | AudioTag]"

B_FRAMES = (
    "This stream has B-frames, which browsers cannot show live. Set B-frames to 0 in the encoder (OBS: Output, "
    "Advanced, 'Max B-frames'; x264: bframes=0 or tune zerolatency; Baseline profile)."
)


class SoundJob(Protocol):
    """Sound that is being made into Opus."""

    def feed(self, time: int, data: bytes) -> None:
        """One frame, at milliseconds of the stream's clock."""
        ...

    def close(self) -> None: ...


class SoundWorkers(Protocol):
    """Who makes Opus of other sound, elsewhere."""

    def begin(
        self, codec: str, configuration: bytes, on_packet: Callable[[int, bytes], None],
        on_failed: Callable[[str], None],
    ) -> SoundJob:  # fmt: skip
        """Starts on `codec` (`AAC`, `MP3`). `on_packet` is called with a time in samples of 48 kHz on the stream's
        clock, and 20 ms of stereo Opus. Raises MediaRefused."""
        ...


class Ingest:
    """State of one stream."""

    def __init__(self, feed: Feed, on_publishing: Callable[[Publishing], None], sound: SoundWorkers | None) -> None:
        self.ignored = 0
        """Messages of tracks that are not taken."""
        self._feed = feed
        self._on_publishing = on_publishing
        self._clock = StreamClock()
        self._video = VideoTrack()
        self._workers = sound
        self._sound: SoundJob | None = None
        self._sound_codec: tuple[str, bytes] | None = None  # codec and configuration, once known
        self._sound_sequence = 0
        self._expected: set[str] = set()
        self._begun = False
        self._first: int | None = None  # time of the first frame
        self._waiting: list[_Frame] = []

    def handle(self, event: Metadata | Audio | Video) -> None:
        """Takes what the session reports. Raises RtmpError when the stream cannot be taken."""
        if isinstance(event, Metadata):
            self._expect(event.values)
            return
        time, tag = self._clock.extend(event.time), event.tag
        if tag.part is Part.CONFIGURATION:
            self._configure(tag)
        elif tag.part is Part.FRAME:
            if isinstance(tag, AudioTag) and tag.codec == "MP3" and self._sound_codec is None:
                self._configure(tag)  # it needs none
            self._take((time, tag))

    def close(self) -> None:
        """Harmless when repeated."""
        if self._sound is not None:
            self._sound.close()
            self._sound = None

    # Which tracks there are

    def _expect(self, values: Mapping[str, object]) -> None:
        self._expected = {kind for kind, key in _MEDIA.items() if values.get(key)}

    def _configure(self, tag: VideoTag | AudioTag) -> None:
        if isinstance(tag, VideoTag):
            self._video.configure(tag)
        elif tag.codec in ("AAC", "MP3") and self._workers is not None:
            configuration = tag.data if tag.part is Part.CONFIGURATION else b""
            if self._sound_codec == (tag.codec, configuration):
                return
            self.close()  # it begins anew, in another way
            self._sound_codec = (tag.codec, configuration)
        else:
            self.ignored += 1
            return
        if self._begun:
            self._publish()

    @property
    def _known(self) -> set[str]:
        return {kind for kind, known in (("video", self._video.configured), ("audio", self._sound_codec)) if known}

    def _take(self, frame: _Frame) -> None:
        if not self._begun:
            self._first = frame[0] if self._first is None else self._first
            self._waiting.append(frame)
            patient = frame[0] - self._first < PATIENCE and len(self._waiting) < MOST_WAITING
            if patient and not self._known >= (self._expected or set(_MEDIA)):
                return
            self._begun = True
            self._publish()
            waiting, self._waiting = self._waiting, []
            for held in waiting:
                self._pass_on(*held)
        else:
            self._pass_on(*frame)

    def _publish(self) -> None:
        """Begins a publication for each track that is known by now."""
        before = len(self._feed.by_mid)
        if self._video.configured and "video" not in self._feed.by_mid:
            self._feed.add("video", self._video_codec(), "camera")
        if self._sound_codec is not None and "audio" not in self._feed.by_mid:
            self._feed.add("audio", _OPUS, "microphone")
        if self._sound_codec is not None and self._sound is None and self._workers is not None:
            self._sound = self._workers.begin(*self._sound_codec, self._pass_sound, self._feed.close)
        if len(self._feed.by_mid) > before:
            self._on_publishing(self._feed)

    def _video_codec(self) -> Codec:
        offered = {"profile-level-id": self._video.profile, "packetization-mode": "1"}
        codec = canonical(Codec("video", "H264", 90000, 1, 0, None, offered))
        assert codec is not None, "profile_of gives what has a payload type"
        return codec

    # Their frames

    def _pass_on(self, time: int, tag: VideoTag | AudioTag) -> None:
        if isinstance(tag, VideoTag):
            packets = self._video.packets(time, tag)
            if self._video.reorders:
                raise UnsupportedTrack(B_FRAMES)
            if packets:
                self._feed.send("video", packets, time)
        elif self._sound is not None and self._sound_codec is not None and tag.codec == self._sound_codec[0]:
            self._sound.feed(time, tag.data)
        else:
            self.ignored += 1

    def _pass_sound(self, time: int, payload: bytes) -> None:
        """`time`: samples of 48 kHz."""
        head = HEADER.pack(0x80, 0, self._sound_sequence, time & 0xFFFFFFFF, 0)
        self._sound_sequence = (self._sound_sequence + 1) & 0xFFFF
        self._feed.send("audio", [bytearray(head) + payload], time // 48)


def _stereo() -> Codec:
    codec = canonical(Codec("audio", "opus", 48000, 2, 0, None, {"sprop-stereo": "1"}))
    assert codec is not None, "Opus is forwarded"
    return codec


_OPUS = _stereo()
