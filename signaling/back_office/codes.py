"""The refusals of the frame itself, with the public codes; what rooms and billing refuse passes through as it is.

Pure: values only.
"""

from __future__ import annotations

from collections.abc import Mapping

from signaling.errors import ProtocolError

__all__ = [
    "FRAME_CODES", "app_id_missing", "bad_account", "bad_app_id", "bad_body", "bad_query", "bad_signature",
    "made_just_now", "needs_admin", "needs_mixing", "no_mixing", "no_such_account", "no_such_tag", "not_json",
    "too_fast", "too_large", "unknown_command", "wrong_kind",
]  # fmt: skip

FRAME_CODES: Mapping[int, str] = {
    60002: "The request is too large, or no HTTP that can be read.",
    60003: "The body is no JSON, or empty.",
    60004: "identifier is missing, or the UserSig is another account's or app's.",
    60005: "usersig is missing, cannot be read, has expired, or was not made with this app's secret.",
    60006: "There is no app with this sdkappid.",
    60007: "Too many calls of this command within a second.",
    60008: "The query does not fit: random is a 32-bit number, contenttype is json.",
    60009: "There is no such service or command.",
    60010: "The identifier is no administrator of the app.",
    60012: "sdkappid is missing.",
    40003: "There is no such account.",
    40009: "A profile has no such field.",
    40610: "The value of a profile's field is of the wrong kind.",
    100424: "There is no task of mixing: Tally forwards, and mixes nothing.",
    100002: "A field is missing, of the wrong type, or means nothing.",
}
"""What the frame itself answers, and what only its commands do. Other codes are those of the member protocol."""


def too_large() -> ProtocolError:
    return ProtocolError(60002, "too_large", "The body is too large.")


def not_json() -> ProtocolError:
    return ProtocolError(60003, "not_json", "The body is not JSON, or empty.")


def bad_account(sentence: str) -> ProtocolError:
    return ProtocolError(60004, "bad_account", sentence)


def bad_signature(sentence: str) -> ProtocolError:
    return ProtocolError(60005, "bad_signature", sentence)


def bad_app_id() -> ProtocolError:
    return ProtocolError(60006, "unknown_app", "sdkappid is not the number of an app.")


def too_fast(rate: int) -> ProtocolError:
    return ProtocolError(60007, "too_fast", f"This command may be called {rate} times a second; wait a moment.")


def bad_query(sentence: str) -> ProtocolError:
    return ProtocolError(60008, "bad_query", sentence)


def unknown_command(name: str) -> ProtocolError:
    return ProtocolError(60009, "unknown_command", f"There is no command {name[:80]!r}.")


def needs_admin(user: str) -> ProtocolError:
    return ProtocolError(60010, "needs_admin", f"{user} is no administrator of this app.")


def app_id_missing() -> ProtocolError:
    return ProtocolError(60012, "app_id_missing", "sdkappid is missing in the URL.")


def bad_body(detail: str) -> ProtocolError:
    return ProtocolError(100002, "bad_parameter", f"The body does not fit: {detail}.")


# Of single commands


def made_just_now(room_id: str) -> ProtocolError:
    return ProtocolError(100012, "too_frequent", f"The room {room_id} was made less than a second ago.")


def needs_mixing() -> ProtocolError:
    return ProtocolError(100006, "no_permission", "This room was made without IsUnlimitedRoomEnabled.")


def no_mixing() -> ProtocolError:
    return ProtocolError(100424, "no_mixing", "Nothing is mixed here: every viewer gets the streams themselves.")


def no_such_account(user: str) -> ProtocolError:
    return ProtocolError(40003, "no_such_account", f"{user} is no account of this app; import it first.")


def no_such_tag(tag: str) -> ProtocolError:
    return ProtocolError(40009, "no_such_tag", f"A profile has no field {tag[:64]!r}.")


def wrong_kind(tag: str) -> ProtocolError:
    return ProtocolError(40610, "wrong_kind", f"The value of {tag[:64]!r} is of the wrong kind.")
