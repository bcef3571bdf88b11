"""Target `sdp`: offers of publishers, first and later ones, offers of players, answers of viewers.

An input is a description; who gives it follows from its checksum. Long-lived peers keep what they agreed to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from zlib import crc32

from media.errors import MediaRefused
from media.sdp.description import parse
from tools.fuzz.mutation import Mutator
from tools.fuzz.stage import FINGERPRINT, Stage
from tools.fuzz.target import Target

__all__ = ["TARGET"]

_LEVEL = re.compile(r"profile-level-id=([^;\r]*)")
_WORDS = [
    word.encode()
    for word in (
        "audio", "video", "application", "sendrecv", "sendonly", "recvonly", "inactive", "0", "1", "2", "BUNDLE", "FID",
        "SIM", "opus/48000/2", "VP8/90000", "VP9/90000", "H264/90000", "AV1/90000", "rtx/90000", "red/48000/2",
        "apt=96", "profile-level-id=42e01f", "profile-level-id=64001f", "profile-level-id=", "profile-id=2",
        "packetization-mode=1", "nack pli", "transport-cc", "goog-remb", "urn:ietf:params:rtp-hdrext:sdes:mid",
        "actpass", "active", "passive",
        "sha-256", "sha-384", "send", "recv", "q", "h", "~f", "UDP/TLS/RTP/SAVPF", "a=mid:0", "a=rtcp-mux", "é",
        "\u2028", FINGERPRINT,
    )
]  # fmt: skip


class _State:
    """A node with peers that renegotiate."""

    def __init__(self) -> None:
        self._stage = Stage()

    def feed(self, data: bytes) -> None:
        text = data.decode(errors="replace")
        try:
            (self._publish, self._renegotiate, self._play, self._accept)[crc32(data) & 3](text)
        except MediaRefused:
            pass

    def close(self) -> None:
        self._stage.close()

    def _publish(self, offer: str) -> None:
        sfu = self._stage.sfu
        before = sfu.statistics()
        publishing = None
        try:
            publishing = sfu.publish(offer, {"1": "screen"}, max_pixels=1 << 20)
            _check(publishing.answer, offer)
            self._watch()
        finally:
            if publishing is not None:
                publishing.close("done")
            assert sfu.statistics() == before, "a publisher leaves something behind"

    def _renegotiate(self, offer: str) -> None:
        publisher = self._stage.publisher
        if publisher.continues(offer):
            publisher.renegotiate(offer, {})
            _check(publisher.answer, offer)
            self._watch()

    def _play(self, offer: str) -> None:
        sfu = self._stage.sfu
        before = sfu.statistics()
        playing = None
        try:
            playing = sfu.play(offer, list(sfu._publications))
            _check(playing.answer, offer)
            playing.connection.on_connected()
        finally:
            if playing is not None:
                playing.close("done")
            assert sfu.statistics() == before, "a player leaves something behind"

    def _accept(self, answer: str) -> None:
        self._watch()
        viewer = self._stage.viewer
        try:
            viewer.accept(viewer._revision, answer)
        finally:
            viewer.want([])  # so that there is something new to offer
            self._watch()

    def _watch(self) -> None:
        """The viewer is offered what is published by now."""
        viewer = self._stage.viewer
        viewer.want(list(self._stage.sfu._publications))
        offered = viewer.offer()
        if offered is not None:
            description = parse(offered[1])
            assert len(description.sections) <= 64
            for level in _LEVEL.findall(offered[1]):
                assert re.fullmatch("[0-9a-f]{6}", level), "viewers are offered a level that their browsers refuse"


def _check(answer: str, offer: str) -> None:
    """An answer can be read, and answers each section."""
    asked, answered = parse(offer), parse(answer)
    kinds = [(section.kind, section.mid) for section in asked.sections]
    assert [(section.kind, section.mid) for section in answered.sections] == kinds, "sections were lost"
    for section in answered.sections:
        assert section.rejected or len(section.formats) <= 2, "more than one codec"


class _Shaper:
    """Real offers, changed line by line and word by word."""

    def __init__(self, seed: int | str, corpus: Sequence[bytes]) -> None:
        self._mutator = Mutator(seed, corpus, _WORDS)

    def shape(self) -> bytes:
        mutator = self._mutator
        text = mutator.pick()
        if mutator.chance(0.05):
            return bytes(mutator.mangle(text))
        return mutator.rewrite(text)


TARGET = Target("sdp", _State, _Shaper)
