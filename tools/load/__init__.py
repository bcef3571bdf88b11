"""Synthetic peers: they complete ICE, DTLS and SRTP, and count, but never decode."""
