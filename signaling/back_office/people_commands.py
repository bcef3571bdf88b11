"""The commands about accounts: importing them, and what is said of them (portraits, in the words of the public API).

Three tags are a profile's own name, picture and sentence; the others are kept as they came, and mean nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rooms.interface import Profile, ProfileChange, UserId
from signaling.back_office import bodies, replies
from signaling.back_office.call import Call, Reply
from signaling.back_office.codes import bad_body, no_such_account, no_such_tag, wrong_kind

__all__ = ["account_import", "portrait_get", "portrait_set"]

NAME, AVATAR, SIGNATURE = "Tag_Profile_IM_Nick", "Tag_Profile_IM_Image", "Tag_Profile_IM_SelfSignature"
TAGS: Mapping[str, type[str] | type[int]] = {
    NAME: str,
    AVATAR: str,
    SIGNATURE: str,
    "Tag_Profile_IM_Gender": str,
    "Tag_Profile_IM_BirthDay": int,
    "Tag_Profile_IM_Location": str,
    "Tag_Profile_IM_Language": int,
    "Tag_Profile_IM_AllowType": str,
    "Tag_Profile_IM_MsgSettings": int,
    "Tag_Profile_IM_AdminForbidType": str,
    "Tag_Profile_IM_Level": int,
    "Tag_Profile_IM_Role": int,
}
"""The standard fields of a profile, and what their values are."""
_CUSTOM = re.compile(r"Tag_Profile_Custom_[A-Za-z]{1,8}")
"""Fields of the app's own; what kind their values are is up to it."""


async def account_import(call: Call, body: bodies.ImportAccount) -> Reply:
    """Make an account, or say something else of one; what is left out stays."""
    user = body.UserID or body.Identifier
    if user is None:
        raise bad_body("UserID is missing")
    await call.people.change_profile(call.app, UserId(user), ProfileChange(body.Nick, body.FaceUrl))
    return {}


async def portrait_get(call: Call, body: bodies.GetPortraits) -> Reply:
    """What is said of accounts, by tags."""
    for tag in body.TagList:
        _kind(tag)
    users = [UserId(user) for user in dict.fromkeys(body.To_Account)]
    found = await call.people.profiles(call.app, users)
    values = {user: _values(profile) for user, profile in found.items()}
    return replies.portraits(users, values, body.TagList)


async def portrait_set(call: Call, body: bodies.SetPortrait) -> Reply:
    """Say something else of an account, all of it or nothing."""
    user = UserId(body.From_Account)
    values = {item.Tag: item.Value for item in body.ProfileItem}
    for tag, value in values.items():
        if not isinstance(value, _kind(tag)):
            raise wrong_kind(tag)
    if user not in await call.people.profiles(call.app, [user]):
        raise no_such_account(user)
    own = {tag: str(values.pop(tag)) for tag in (NAME, AVATAR, SIGNATURE) if tag in values}
    change = ProfileChange(own.get(NAME), own.get(AVATAR), own.get(SIGNATURE), values)
    await call.people.change_profile(call.app, user, change)
    return {"ErrorDisplay": ""}


def _kind(tag: str) -> type[str] | type[int] | tuple[type[str], type[int]]:
    """What the values of a field are. Raises 40009 for none of the API's."""
    if _CUSTOM.fullmatch(tag):
        return str, int
    if tag not in TAGS:
        raise no_such_tag(tag)
    return TAGS[tag]


def _values(profile: Profile) -> Mapping[str, str | int]:
    return {NAME: profile.name, AVATAR: profile.avatar, SIGNATURE: profile.signature, **profile.words}
