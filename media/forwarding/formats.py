"""How a group of viewers wants a codec on the wire: which payload type, which ids of header extensions.

Viewers who took the server's own offer all have the same format; only players who made the offer themselves (WHEP)
have one of their own.

Pure: bytes in, bytes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from media.rtp.packets import RtpPacket, remap_extensions
from media.rtp.redundancy import primary_of, rename_blocks
from media.sdp.codecs import EXTENSION_IDS, RED, Codec

__all__ = ["WireFormat"]


@dataclass(frozen=True, slots=True)
class WireFormat:
    """Equal formats share their bytes."""

    payload_type: int
    retransmission: int | None
    ids: tuple[int, ...] | None
    """New id by the server's id, 0 to remove; None when they are the server's own."""
    redundancy: int | None = None
    """Payload type of redundant sound; None for who cannot receive that and gets its primary encoding."""

    @classmethod
    def own(cls, codec: Codec, *, redundancy: bool = False) -> WireFormat:
        """The format of the server's own offers; `redundancy`: the viewer took that too."""
        return cls(codec.payload_type, codec.retransmission, None, codec.redundancy if redundancy else None)

    @classmethod
    def of(cls, remote: Codec, extensions: Mapping[str, int]) -> WireFormat:
        """The format that a remote offer asks for."""
        ids = [0] * 256
        for uri, number in EXTENSION_IDS.items():
            ids[number] = extensions.get(uri, 0)
        return cls(remote.payload_type, remote.retransmission, tuple(ids), remote.redundancy)

    def apply(self, data: bytes) -> bytes:
        """`data` of the server's own format in this one."""
        redundant = data[1] & 0x7F == RED
        if self.ids is None and (not redundant or self.redundancy is not None):
            return data
        packet = RtpPacket(bytearray(data))
        changed, payload_type = packet.data, self.payload_type
        if self.ids is not None and packet.extension_kind:
            remap_extensions(packet, packet.extensions(), self.ids)
        if redundant and self.redundancy is not None:
            rename_blocks(changed, packet.payload_start, payload_type)
            payload_type = self.redundancy
        changed[1] = changed[1] & 0x80 | payload_type
        if redundant and self.redundancy is None:
            primary = primary_of(changed, packet.payload_start, packet.payload_stop)
            assert primary is not None, "UpTrack has looked"
            del changed[packet.payload_start : primary]
        return bytes(changed)
