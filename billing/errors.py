"""Billing's refusals: every code with its name and its sentence, in one place. All are `billing.interface.Refused`.

Pure: values only.
"""

from __future__ import annotations

from billing.interface import Feature, Gauge, Refused

__all__ = [
    "unknown_app", "no_edition", "feature_missing", "suspended", "gauge_full", "bad_parameter", "trial_used_up",
    "unknown_account",
]  # fmt: skip


def unknown_app() -> Refused:
    return Refused(60006, "unknown_app", "There is no app with this SDKAppID here.")


def unknown_account() -> Refused:
    return Refused(100002, "bad_parameter", "There is no such account.")


def bad_parameter(sentence: str) -> Refused:
    return Refused(100002, "bad_parameter", sentence)


def no_edition() -> Refused:
    return Refused(100007, "not_in_edition", "The app's edition has expired; renew or buy one to go on.")


def suspended(reason: str) -> Refused:
    return Refused(100007, "not_in_edition", f"The app is suspended: {reason}.")


def feature_missing(feature: Feature, edition: str) -> Refused:
    what = str(feature).replace("_", " ")
    return Refused(100007, "not_in_edition", f"The app's edition ({edition}) does not include {what}.")


def trial_used_up(sentence: str, limit: int) -> Refused:
    return Refused(100007, "trial_used_up", sentence, limit=limit, used=limit)


_FULL = {
    Gauge.ROOMS: (100013, "rooms_limit", "This app already has its {limit} live rooms."),
    Gauge.AUDIENCE: (101011, "audience_full", "This room already has its {limit} audience members."),
    Gauge.SEATS: (100205, "seats_full", "All {limit} seats that the edition allows are taken."),
    Gauge.LINKED_ROOMS: (100404, "linked_rooms_limit", "The edition links at most {limit} rooms."),
}


def gauge_full(gauge: Gauge, limit: int, used: int) -> Refused:
    """The public code of each limit (public Live error table)."""
    code, name, sentence = _FULL[gauge]
    return Refused(code, name, sentence.format(limit=limit), limit=limit, used=used)
