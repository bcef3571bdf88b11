"""Fuzzing: mangled inputs by the million against the real entry points that bytes from outside reach.

`tally fuzz` runs campaigns; `tests/fuzz` replays the corpus and everything that was ever found.
"""
