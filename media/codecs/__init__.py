"""Codec workers: what decodes and encodes, in processes of its own."""
