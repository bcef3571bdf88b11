"""RTMP, as encoders push it: bytes in, events out."""
