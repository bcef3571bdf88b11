"""Rooms, members, seats. Outsiders import `rooms.interface` only."""
