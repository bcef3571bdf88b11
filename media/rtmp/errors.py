"""What can be wrong with what an RTMP peer sends. Each ends the connection; the message says it for people.

    RtmpError
      BadHandshake          not RTMP, or an encrypted kind of it
      BadChunk              chunk headers that contradict each other
      MessageTooLarge       more bytes than a message, or all unfinished ones together, may have
      TooManyChunkStreams   more interleaved streams than one connection may have
      BadMessage            a message too short for what it says it is
      BadAmf                a value that is no AMF0
        AmfTooDeep          objects in objects in objects
        AmfTooMany          more values than one message may have
      Multitrack            several tracks of a kind in one stream (Enhanced RTMP)
      UnsupportedTrack      a codec that is not taken

Pure: values only.
"""

from __future__ import annotations

__all__ = [
    "RtmpError", "BadHandshake", "BadChunk", "MessageTooLarge", "TooManyChunkStreams", "BadMessage", "BadAmf",
    "AmfTooDeep", "AmfTooMany", "Multitrack", "UnsupportedTrack",
]  # fmt: skip


class RtmpError(Exception):
    """The peer broke the protocol, or wants what is not there; the connection cannot go on."""


class BadHandshake(RtmpError):
    """It does not begin as RTMP does."""


class BadChunk(RtmpError):
    """A chunk header that makes no sense where it stands."""


class MessageTooLarge(RtmpError):
    """Too many bytes of one message, or of all that are unfinished."""


class TooManyChunkStreams(RtmpError):
    """Too many chunk streams."""


class BadMessage(RtmpError):
    """A message that is shorter than its own fields."""


class BadAmf(RtmpError):
    """A value that cannot be read."""


class AmfTooDeep(BadAmf):
    """Values nested too deep."""


class AmfTooMany(BadAmf):
    """Too many values."""


class Multitrack(RtmpError):
    """Several video or audio tracks in one stream."""


class UnsupportedTrack(RtmpError):
    """A codec that is not taken here."""
