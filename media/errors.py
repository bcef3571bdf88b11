"""The errors of media, by whose fault it is.

    MediaRefused            the caller's request cannot be met; told to it in words
      BadDescription        its SDP cannot be used
      UnsupportedCodec      its SDP offers nothing that we forward
      Overloaded            it is somebody new, and the node cannot keep up with those it has

Pure: values only.
"""

from __future__ import annotations

__all__ = ["MediaRefused", "BadDescription", "Overloaded", "UnsupportedCodec"]


class MediaRefused(Exception):
    """A request that leaves nothing behind; the message is a sentence for people."""


class BadDescription(MediaRefused):
    """A session description that cannot be used; the message says which line or what is missing."""


class UnsupportedCodec(MediaRefused):
    """Nothing in the description can be forwarded."""


class Overloaded(MediaRefused):
    """Nobody new can come in for the moment."""
