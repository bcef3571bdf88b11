"""How a group of viewers wants a codec on the wire: which payload type, which ids of header extensions.

Viewers who took the server's own offer all have the same format; only players who made the offer themselves (WHEP)
have one of their own.

Pure: bytes in, bytes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from media.rtp.packets import RtpPacket, remap_extensions
from media.sdp.codecs import EXTENSION_IDS, Codec

__all__ = ["WireFormat"]


@dataclass(frozen=True, slots=True)
class WireFormat:
    """Equal formats share their bytes."""

    payload_type: int
    retransmission: int | None
    ids: tuple[int, ...] | None
    """New id by the server's id, 0 to remove; None when they are the server's own."""

    @classmethod
    def own(cls, codec: Codec) -> WireFormat:
        """The format of the server's own offers."""
        return cls(codec.payload_type, codec.retransmission, None)

    @classmethod
    def of(cls, remote: Codec, extensions: Mapping[str, int]) -> WireFormat:
        """The format that a remote offer asks for."""
        ids = [0] * 256
        for uri, number in EXTENSION_IDS.items():
            ids[number] = extensions.get(uri, 0)
        return cls(remote.payload_type, remote.retransmission, tuple(ids))

    def apply(self, data: bytes) -> bytes:
        """`data` of the server's own format in this one."""
        if self.ids is None:
            return data
        packet = RtpPacket(bytearray(data))
        packet.data[1] = packet.data[1] & 0x80 | self.payload_type
        if packet.extension_kind:
            remap_extensions(packet, packet.extensions(), self.ids)
        return bytes(packet.data)
