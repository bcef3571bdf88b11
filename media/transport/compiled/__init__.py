"""The C half of the compiled fan-out, and how it is built."""
