"""One published track and all who watch it: from an up track to groups of down tracks.

A group is what can be sent the same bytes from the same socket. A viewer of video waits in its group until a key frame
starts; the waiting ones are served together by one frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from media.forwarding.audience import Audience, Receiver
from media.forwarding.down_track import DownTrack
from media.forwarding.fan_out import FanOut
from media.forwarding.formats import WireFormat
from media.forwarding.up_track import Forwarded, UpTrack

__all__ = ["Publication", "Subscriber"]


class Subscriber(Receiver, Protocol):
    """The peer of a viewer, as a group sees it."""

    @property
    def fan_out(self) -> FanOut | None:
        """Of the socket it is reached by; None before it is connected."""
        ...

    def send_rtp(self, packet: bytes) -> None: ...
    def send_rtcp(self, packet: bytes) -> None: ...


class _Group:
    """Viewers with the same socket and wire format."""

    __slots__ = ("_audience", "_changed", "_fan_out", "_format", "_in_step", "_shifted", "_waiting")

    def __init__(self, fan_out: FanOut, wire: WireFormat) -> None:
        self._fan_out = fan_out
        self._format = wire
        self._waiting: dict[DownTrack, Subscriber] = {}
        self._in_step: dict[DownTrack, Subscriber] = {}
        self._shifted: dict[DownTrack, Subscriber] = {}
        self._audience = Audience(())
        self._changed = False

    def __len__(self) -> int:
        return len(self._waiting) + len(self._in_step) + len(self._shifted)

    def add(self, down: DownTrack, peer: Subscriber) -> None:
        if not down.started:
            self._waiting[down] = peer
        elif down.shift:
            self._shifted[down] = peer
        else:
            self._in_step[down] = peer
            self._changed = True

    def remove(self, down: DownTrack) -> None:
        self._waiting.pop(down, None)
        self._shifted.pop(down, None)
        self._changed |= self._in_step.pop(down, None) is not None

    def offer(self, packet: Forwarded) -> None:
        if self._waiting:
            self._start_waiting(packet)
        if self._changed:
            self._audience = Audience(list(self._in_step.values()))
            self._changed = False
        data = self._format.apply(packet.data)
        if len(self._audience):
            self._fan_out.submit(self._audience, data, more=packet.more)
        for down in self._shifted:
            down.send_shifted(data, packet.number)

    def offer_rtcp(self, report: bytes) -> None:
        if len(self._audience):
            self._fan_out.submit(self._audience, report, is_rtcp=True)
        for down in self._shifted:
            down.peer.send_rtcp(report)

    def _start_waiting(self, packet: Forwarded) -> None:
        for down, peer in list(self._waiting.items()):
            if packet.starts_key_frame or not down.needs_key_frame:
                del self._waiting[down]
                down.start(packet.number)
                self.add(down, peer)


class Publication:
    """An up track with its viewers."""

    def __init__(self, identifier: str, source: str, stream: str, up: UpTrack, rtx_ssrc: int) -> None:
        self.id = identifier
        self.source = source
        """`microphone`, `camera`, `screen`, or whatever its publisher calls it."""
        self.stream = stream
        """What is played together with it: the publisher's id."""
        self.up = up
        self.rtx_ssrc = rtx_ssrc
        self.ended = False
        self.ask_key_frame: Callable[[], None] = lambda: None
        """Tells the publisher's connection that `up.key_frames` may be due."""
        self._groups: dict[tuple[FanOut, WireFormat], _Group] = {}
        self._homes: dict[DownTrack, _Group] = {}

    @property
    def kind(self) -> str:
        return self.up.codec.kind

    @property
    def viewers(self) -> int:
        return len(self._homes)

    def attach(self, down: DownTrack, peer: Subscriber) -> None:
        """The viewer is connected and has agreed; from the next possible packet on it gets this track."""
        fan_out = peer.fan_out
        if fan_out is None or down in self._homes:
            return
        group = self._groups.setdefault((fan_out, down.format), _Group(fan_out, down.format))
        group.add(down, peer)
        self._homes[down] = group
        if down.needs_key_frame and not down.started:
            self.want_key_frame()

    def detach(self, down: DownTrack) -> None:
        group = self._homes.pop(down, None)
        if group is None:
            return
        group.remove(down)
        if not len(group):
            self._groups = {key: value for key, value in self._groups.items() if value is not group}

    def want_key_frame(self) -> None:
        """A viewer cannot go on without one."""
        self.up.key_frames.want()
        self.ask_key_frame()

    def forward(self, packet: Forwarded) -> None:
        for group in self._groups.values():
            group.offer(packet)

    def forward_rtcp(self, report: bytes) -> None:
        for group in self._groups.values():
            group.offer_rtcp(report)
