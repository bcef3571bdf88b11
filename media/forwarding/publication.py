"""One published track and all who watch it: from its layers to groups of down tracks.

A track has one layer, or several of a simulcast. A group is what can be sent the same bytes the same way: viewers of
the same layer in the same wire format, from the same socket; a paced viewer is a group of its own. A viewer of video
waits until a key frame of the layer it shall get starts, and is sent what it had before meanwhile; all who wait are
served by one frame. A viewer who has no picture yet is shown the latest key frame and all that followed it, when that
is little, or when no new one is to be had.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from media.forwarding.audience import Audience, Receiver
from media.forwarding.down_track import DownTrack
from media.forwarding.fan_out import FanOut
from media.forwarding.formats import WireFormat
from media.forwarding.pacer import Outlet, Pacer
from media.forwarding.up_track import Forwarded, UpTrack
from media.sdp.codecs import Codec

__all__ = ["Publication", "Subscriber", "WAKING"]

GONE = 0.4
"""Seconds without a packet of a layer, while others flow, after which its publisher has given it up."""
WAKING = 3.0
"""Seconds that a layer which was put to sleep may take to come back before it is given up."""
LITTLE = 150
"""Packets of the past that are shown rather than asking for a key frame: a second."""
STRIDE = 24
"""Packets of the past that a viewer is sent with each packet of the present."""


class Subscriber(Receiver, Protocol):
    """The peer of a viewer, as a group sees it."""

    @property
    def fan_out(self) -> FanOut | None:
        """Of the socket it is reached by; None before it is connected."""
        ...

    def send_rtp(self, packet: bytes) -> None: ...
    def send_rtcp(self, packet: bytes) -> None: ...


class _Group:
    """Viewers of one layer with the same outlet and wire format."""

    __slots__ = ("_audience", "_changed", "_format", "_members", "_outlet", "_shared_from")

    def __init__(self, outlet: Outlet, wire: WireFormat) -> None:
        self._outlet = outlet
        self._format = wire
        self._members: dict[DownTrack, Subscriber] = {}
        self._audience = Audience(())
        self._shared_from = 0  # the layer's number from which on all members get the same
        self._changed = False

    def __len__(self) -> int:
        return len(self._members)

    def add(self, down: DownTrack, peer: Subscriber) -> None:
        self._members[down] = peer
        self._changed = True

    def remove(self, down: DownTrack) -> None:
        self._changed |= self._members.pop(down, None) is not None

    def offer(self, packet: Forwarded) -> None:
        if self._changed:
            self._audience = _audience(self._members)
            self._shared_from = max((down.shares_from for down in self._members), default=0)
            self._changed = False
        if packet.number < self._shared_from:
            self._offer_late(packet)
        elif len(self._audience):
            self._submit(self._audience, self._format.apply(packet.data), packet)

    def offer_rtcp(self, report: bytes) -> None:
        if len(self._audience) and not self._changed:
            self._outlet.submit(self._audience, report, is_rtcp=True)

    def _offer_late(self, packet: Forwarded) -> None:
        """Some came only after it, and to some it belongs to a past that was moved."""
        sharing = {down: peer for down, peer in self._members.items() if packet.number >= down.shares_from}
        if sharing:
            self._submit(_audience(sharing), self._format.apply(packet.data), packet)
        for down, peer in self._members.items():
            if down.first_number <= packet.number < down.shares_from:
                self._submit(_audience({down: peer}), down.as_sent(packet).data, packet)

    def _submit(self, audience: Audience, data: bytes, packet: Forwarded) -> None:
        self._outlet.submit(audience, data, packet.picture_at, packet.base_layer_at, more=packet.more)


def _audience(members: dict[DownTrack, Subscriber]) -> Audience:
    return Audience(list(members.values()), [down.shift for down in members])


class Publication:
    """A track of one or several layers, with its viewers."""

    def __init__(
        self, identifier: str, source: str, stream: str, layers: Sequence[UpTrack], rtx_ssrc: int, group: str = ""
    ) -> None:
        """`layers` share codec and SSRC; in the order in which the publisher names them."""
        self.id = identifier
        self.group = group
        """The publications that are heard together."""
        self.source = source
        """`microphone`, `camera`, `screen`, or whatever its publisher calls it."""
        self.stream = stream
        """What is played together with it: the publisher's id."""
        self.layers = layers
        self.rtx_ssrc = rtx_ssrc
        self.ended = False
        self.ask_key_frame: Callable[[], None] = lambda: None
        """Tells the publisher's connection that `key_frames` of a layer may be due."""
        self.ask_layers: Callable[[Publication], None] = lambda publication: None
        """Tells it that a layer which was put to sleep is wanted."""
        self._peers: dict[DownTrack, Subscriber] = {}
        self._waiting: dict[UpTrack, dict[DownTrack, None]] = {layer: {} for layer in layers}
        self._groups: dict[UpTrack, dict[tuple[Outlet, WireFormat], _Group]] = {layer: {} for layer in layers}
        self._homes: dict[DownTrack, tuple[UpTrack, _Group]] = {}
        self._chasing: dict[UpTrack, dict[DownTrack, int]] = {layer: {} for layer in layers}  # the next number to send
        self._asleep: set[UpTrack] = set()
        self._woken: dict[UpTrack, float] = {}
        self._ladder: list[UpTrack] = []

    @property
    def codec(self) -> Codec:
        return self.layers[0].codec

    @property
    def kind(self) -> str:
        return self.codec.kind

    @property
    def ssrc(self) -> int:
        return self.layers[0].ssrc

    @property
    def viewers(self) -> int:
        return len(self._peers)

    # What its layers are

    @property
    def picture(self) -> UpTrack:
        """The layer that stands for the whole: the largest picture that may be forwarded, else the largest."""
        return max(self.layers, key=lambda layer: (not layer.blocked, layer.pixels))

    def ladder(self, now: float) -> list[UpTrack]:
        """The layers a viewer can have now, smallest first: those that flow, and those that would if they were asked
        to. Never empty: before anything flows, all."""
        newest = max(layer.last_packet for layer in self.layers)
        fitting = (layer for layer in self.layers if not layer.blocked)
        usable = [layer for layer in fitting if newest - layer.last_packet < GONE or self._wakes(layer, now)]
        return sorted(usable or self.layers, key=lambda layer: layer.pixels)

    def ladder_changed(self, now: float) -> bool:
        """Whether it is another one than at the last call."""
        before, self._ladder = self._ladder, self.ladder(now)
        return self._ladder != before

    def wanted(self, layer: UpTrack) -> bool:
        """Whether anybody is sent `layer` or shall be."""
        return any(layer is down.target or layer is down.layer for down in self._peers)

    def asleep(self, layer: UpTrack) -> bool:
        return layer in self._asleep

    def sleep(self, layer: UpTrack) -> None:
        """Its publisher was told that nobody watches `layer`; it can come back."""
        self._asleep.add(layer)

    def wake(self, layer: UpTrack, now: float) -> None:
        """Its publisher was told to send `layer` again."""
        self._asleep.discard(layer)
        self._woken[layer] = now + WAKING

    def _wakes(self, layer: UpTrack, now: float) -> bool:
        return layer in self._asleep or now < self._woken.get(layer, 0.0)

    # Who watches

    def attach(self, down: DownTrack, peer: Subscriber, now: float) -> None:
        """The viewer is connected and has agreed; from the next possible packet on it gets this track: the layer
        `down.target`."""
        if peer.fan_out is None or down in self._peers:
            return
        self._peers[down] = peer
        if down.layer is not None:
            self._join(down, down.layer)
        self.aim(down, down.target, now)

    def detach(self, down: DownTrack) -> None:
        if self._peers.pop(down, None) is not None:
            self._leave(down)
            for waiting in self._waiting.values():
                waiting.pop(down, None)

    def pace(self, down: DownTrack, pacer: Pacer | None) -> None:
        """From the next packet on this viewer's go through `pacer`, or out at once."""
        down.pacer = pacer
        layer, _ = self._homes.get(down, (None, None))
        if layer is not None:
            self._leave(down)
            self._join(down, layer)

    def aim(self, down: DownTrack, layer: UpTrack | None, now: float, *, at_once: bool = False) -> None:
        """From the next key frame of `layer` on the viewer shall be sent that; None pauses it. What it had until then
        goes on meanwhile, unless it shall end `at_once`."""
        down.target = layer
        if down not in self._peers:
            return
        for waiting in self._waiting.values():
            waiting.pop(down, None)
        if layer is None or (at_once and layer is not down.layer):
            self._leave(down)
            down.pause()
        if layer is not None and layer is not down.layer:
            if layer in self._asleep:
                self.ask_layers(self)
            if self._replay(down, layer, now):
                return
            self._waiting[layer][down] = None
            if down.layer is None:  # a smaller picture is better than nothing
                for other in self.layers:
                    if other.pixels < layer.pixels or layer in self._asleep:
                        self._waiting[other][down] = None
            self.want_key_frame(down)

    def want_key_frame(self, down: DownTrack) -> None:
        """This viewer cannot go on without one."""
        if not down.needs_key_frame:
            return
        absent = down.target in self._asleep or down.target in self._woken
        for layer in self.layers:
            if layer is down.target or layer is down.layer or (absent and down in self._waiting[layer]):
                layer.key_frames.want()
        self.ask_key_frame()

    def serve_ignored(self, now: float) -> None:
        """Viewers who wait in vain are shown the past; called some times a second."""
        for layer, waiting in self._waiting.items():
            if waiting and layer.key_frames.ignored:
                for down in list(waiting):
                    self._replay(down, layer, now)

    # What comes

    def forward(self, layer: UpTrack, packet: Forwarded) -> None:
        waiting = self._waiting[layer]
        if waiting and (packet.starts_key_frame or self.kind == "audio"):
            self._start_waiting(layer, packet)
        for group in self._groups[layer].values():
            group.offer(packet)
        chasing = self._chasing[layer]
        if chasing:
            for down in list(chasing):
                if down.first_number <= packet.number < chasing[down]:  # it was missing when its turn was
                    self._send(down, [down.as_sent(packet)])
                self._chase(layer, down)

    def forward_rtcp(self, layer: UpTrack, report: bytes) -> None:
        for group in self._groups[layer].values():
            group.offer_rtcp(report)

    def _start_waiting(self, layer: UpTrack, packet: Forwarded) -> None:
        again = False
        for down in list(self._waiting[layer]):
            behind = layer.newest.number - packet.number if layer.newest is not None else 0
            if behind > LITTLE or not down.can_start(layer, packet):
                again = True
                continue
            self._leave(down)
            if down.start(layer, packet):
                self._chasing[layer][down] = packet.number
            else:
                self._join(down, layer)
            for other, waiting in self._waiting.items():
                if other is not down.target or other is layer:
                    waiting.pop(down, None)
        if again:
            layer.key_frames.want()

    # Who starts in the past

    def _replay(self, down: DownTrack, layer: UpTrack, now: float) -> bool:
        """Starts this viewer with the latest key frame, if it was not long ago or no other is to be had."""
        numbers = layer.replay(now) if down.layer is None and down.needs_key_frame else None
        if not numbers:
            return False
        wish = layer.key_frames
        if len(numbers) > LITTLE and not wish.ignored and not wish.rationed(now, layer.key_frame_cost):
            return False
        first = layer.history.get(numbers[0])
        if first is None or not down.can_start(layer, first):
            return False
        for waiting in self._waiting.values():
            waiting.pop(down, None)
        if down.start(layer, first):
            self._chasing[layer][down] = first.number
            self._chase(layer, down)
        else:
            self._join(down, layer)
        return True

    def _chase(self, layer: UpTrack, down: DownTrack) -> None:
        """Sends the next of what has passed; who has caught up goes on with all others."""
        if down.pacer is not None and down.pacer.holds:
            return
        chasing = self._chasing[layer]
        packets, following = down.chase(chasing[down], STRIDE)
        self._send(down, packets)
        chasing[down] = following
        if (layer.newest is None or following > layer.newest.number) and down.go_live(following):
            del chasing[down]
            self._join(down, layer)

    def _send(self, down: DownTrack, packets: Sequence[Forwarded]) -> None:
        """To this viewer alone, as it gets them."""
        outlet, audience = self._outlet(down), _audience({down: self._peers[down]})
        for packet in packets:
            outlet.submit(
                audience, packet.data, packet.picture_at, packet.base_layer_at, more=packet is not packets[-1]
            )

    def _join(self, down: DownTrack, layer: UpTrack) -> None:
        outlet = self._outlet(down)
        group = self._groups[layer].setdefault((outlet, down.format), _Group(outlet, down.format))
        group.add(down, self._peers[down])
        self._homes[down] = (layer, group)

    def _outlet(self, down: DownTrack) -> Outlet:
        outlet = down.pacer if down.pacer is not None else self._peers[down].fan_out
        assert outlet is not None, "only connected viewers are attached"
        return outlet

    def _leave(self, down: DownTrack) -> None:
        for chasing in self._chasing.values():
            chasing.pop(down, None)
        layer, group = self._homes.pop(down, (None, None))
        if layer is None or group is None:
            return
        group.remove(down)
        if not len(group):
            self._groups[layer] = {key: value for key, value in self._groups[layer].items() if value is not group}
