"""Arithmetic of RTP and RTCP packets: no state that is shared between viewers, no world."""
