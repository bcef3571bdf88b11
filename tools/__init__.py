"""The `tally` command, load and benches. May import anything; nothing imports it."""
