"""The names of the callbacks, as published (research/tencent.md 5.6; trtc.io 64413).

Pure: names only.
"""

from __future__ import annotations

__all__ = [
    "AFTER_CHANGE_OWNER", "AFTER_CREATE_BATTLE", "AFTER_CREATE_ROOM", "AFTER_DEL_METADATA", "AFTER_DESTROY_ROOM",
    "AFTER_END_BATTLE", "AFTER_FOLLOW_ADD", "AFTER_FOLLOW_DELETE", "AFTER_MEMBER_STATE", "AFTER_MODIFY_ADMIN",
    "AFTER_REACHING_THRESHOLD", "AFTER_SEATS", "AFTER_SEND_MSG", "AFTER_SET_METADATA", "AFTER_START_BATTLE",
    "AFTER_UPDATE_ROOM", "ALIASES", "ALL", "BEFORE_SEND_GIFT", "BEFORE_SEND_MSG", "CHEAP", "GIFT_NOT_BLOCKING",
]  # fmt: skip

AFTER_CREATE_ROOM = "Live.CallbackAfterCreateRoom"
AFTER_DESTROY_ROOM = "Live.CallbackAfterDestroyRoom"
AFTER_UPDATE_ROOM = "Live.CallbackAfterUpdateRoomInfo"
AFTER_SET_METADATA = "Live.CallbackAfterSetMetadata"
AFTER_DEL_METADATA = "Live.CallbackAfterDelMetadata"
AFTER_REACHING_THRESHOLD = "Live.CallbackAfterCreateRoomReachingThreshold"
AFTER_MEMBER_STATE = "Live.CallbackAfterMemberStateChanged"
AFTER_CHANGE_OWNER = "Live.CallbackAfterChangeOwner"
"""Accepted and never told: the owner of a room never changes here."""
AFTER_MODIFY_ADMIN = "Live.CallbackAfterModifyAdmin"
AFTER_SEATS = "Mic.CallbackAfterSeatInfoChanged"
AFTER_CREATE_BATTLE = "Live.CallbackAfterCreateBattle"
AFTER_START_BATTLE = "Live.CallbackAfterStartBattle"
AFTER_END_BATTLE = "Live.CallbackAfterEndBattle"
BEFORE_SEND_GIFT = "Live.CallbackBeforeSendGift"
GIFT_NOT_BLOCKING = "Live.CallbackBeforeCallBackNotBlock"
"""No callback but a switch: with it, a gift about which nobody answers is given."""
BEFORE_SEND_MSG = "Group.CallbackBeforeSendMsg"
AFTER_SEND_MSG = "Group.CallbackAfterSendMsg"
AFTER_FOLLOW_ADD = "Follow.CallbackAfterFollowAdd"
AFTER_FOLLOW_DELETE = "Follow.CallbackAfterFollowDelete"

ALL = frozenset({
    AFTER_CREATE_ROOM, AFTER_DESTROY_ROOM, AFTER_UPDATE_ROOM, AFTER_SET_METADATA, AFTER_DEL_METADATA,
    AFTER_REACHING_THRESHOLD, AFTER_MEMBER_STATE, AFTER_CHANGE_OWNER, AFTER_MODIFY_ADMIN, AFTER_SEATS,
    AFTER_CREATE_BATTLE, AFTER_START_BATTLE, AFTER_END_BATTLE, BEFORE_SEND_GIFT, GIFT_NOT_BLOCKING, BEFORE_SEND_MSG,
    AFTER_SEND_MSG, AFTER_FOLLOW_ADD, AFTER_FOLLOW_DELETE,
})  # fmt: skip
CHEAP = frozenset({AFTER_SEND_MSG, AFTER_MEMBER_STATE, AFTER_FOLLOW_ADD, AFTER_FOLLOW_DELETE})
"""Those that any member can cause at will, and that are missed least."""
ALIASES = {"Live.CallbackMemberStateChanged": AFTER_MEMBER_STATE, "BeforeCallBackNotBlock": GIFT_NOT_BLOCKING}
"""The published pages name these two in two ways each."""
