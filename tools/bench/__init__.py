"""Benches: each is one module with one `run` that gives a flat dictionary of figures."""
