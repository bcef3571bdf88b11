"""All commands: what each reads, what it does, how often it may be called. This table dispatches and is documented."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from signaling.back_office import battle_commands as battles
from signaling.back_office import bodies
from signaling.back_office import callback_commands as callbacks
from signaling.back_office import gift_commands as gifts
from signaling.back_office import people_commands as people
from signaling.back_office import robot_commands as robots
from signaling.back_office import room_commands as rooms
from signaling.back_office import seat_commands as seats
from signaling.back_office.call import Call, Reply

__all__ = ["TABLE", "Command"]

USUAL_RATE = 200


@dataclass(frozen=True, slots=True)
class Command:
    """One row."""

    body: type[msgspec.Struct]
    run: Callable[[Call, Any], Awaitable[Reply]]
    rate: int = USUAL_RATE
    """Calls a second of one app."""
    beside: bool = False
    """What it answers stands beside the words of the frame, not in `Response`: so it is documented for some."""

    @property
    def summary(self) -> str:
        return (self.run.__doc__ or "").partition("\n")[0]


_LIVE: Mapping[str, Command] = {
    "create_room": Command(bodies.CreateRoom, rooms.create_room),
    "destroy_room": Command(bodies.RoomRef, rooms.destroy_room),
    "get_room_list": Command(bodies.RoomList, rooms.get_room_list, rate=10),
    "get_room_info": Command(bodies.RoomRef, rooms.get_room_info),
    "update_room_info": Command(bodies.CreateRoom, rooms.update_room_info),
    "get_room_metadata": Command(bodies.GetMetadata, rooms.get_room_metadata),
    "set_room_metadata": Command(bodies.SetMetadata, rooms.set_room_metadata),
    "del_room_metadata": Command(bodies.DeleteMetadata, rooms.del_room_metadata),
    "send_text_msg": Command(bodies.SendTextMessage, rooms.send_text_msg),
    "send_custom_msg": Command(bodies.SendCustomMessage, rooms.send_custom_msg),
    "mute_member": Command(bodies.MuteMember, rooms.mute_member),
    "get_muted_member_list": Command(bodies.MemberPage, rooms.get_muted_member_list),
    "ban_member": Command(bodies.BanMember, rooms.ban_member),
    "unban_member": Command(bodies.UnbanMember, rooms.unban_member),
    "get_banned_member_list": Command(bodies.MemberPage, rooms.get_banned_member_list),
    "get_admin_list": Command(bodies.RoomRef, rooms.get_admin_list),
    "modify_admin": Command(bodies.ModifyAdmin, rooms.modify_admin),
    "get_room_statistic": Command(bodies.RoomRef, rooms.get_room_statistic, rate=100),
    "get_room_stats": Command(bodies.RoomRef, rooms.get_room_statistic, rate=100),
    "add_gift": Command(bodies.AddGift, gifts.add_gift, rate=1),
    "edit_gift": Command(bodies.EditGift, gifts.edit_gift),
    "del_gift": Command(bodies.GiftRef, gifts.del_gift),
    "get_gift": Command(bodies.GiftRef, gifts.get_gift, beside=True),
    "get_gift_info_list": Command(bodies.GiftInfoList, gifts.get_gift_info_list),
    "get_gift_count": Command(bodies.GiftCount, gifts.get_gift_count),
    "send_gift": Command(bodies.SendGift, gifts.send_gift),
    "get_gift_language": Command(bodies.GiftTongue, gifts.get_gift_language, beside=True),
    "set_gift_language": Command(bodies.SetGiftLanguage, gifts.set_gift_language),
    "del_gift_language": Command(bodies.GiftTongue, gifts.del_gift_language),
    "add_gift_category": Command(bodies.AddGiftCategory, gifts.add_gift_category),
    "edit_gift_category": Command(bodies.EditGiftCategory, gifts.edit_gift_category),
    "del_gift_category": Command(bodies.CategoryRef, gifts.del_gift_category),
    "get_gift_category": Command(bodies.CategoryRef, gifts.get_gift_category, beside=True),
    "get_gift_category_language": Command(bodies.CategoryTongue, gifts.get_gift_category_language, beside=True),
    "set_gift_category_language": Command(bodies.SetCategoryLanguage, gifts.set_gift_category_language),
    "del_gift_category_language": Command(bodies.CategoryTongue, gifts.del_gift_category_language),
    "add_gift_category_relations": Command(bodies.CategoryRelations, gifts.add_gift_category_relations),
    "del_gift_category_relations": Command(bodies.CategoryRelations, gifts.del_gift_category_relations),
    "get_gift_category_relations": Command(bodies.CategoryRef, gifts.get_gift_category_relations, beside=True),
    "add_robot": Command(bodies.Robots, robots.add_robot, rate=100),
    "get_robot": Command(bodies.RoomRef, robots.get_robot, rate=100),
    "del_robot": Command(bodies.Robots, robots.del_robot, rate=100),
    "resume_mcu_task": Command(bodies.RoomRef, rooms.resume_mcu_task, rate=20),
}

_SEATS: Mapping[str, Command] = {
    "get_seat_list": Command(bodies.RoomRef, seats.get_seat_list),
    "pick_user_on_seat": Command(bodies.PickOnSeat, seats.pick_user_on_seat),
    "kick_user_off_seat": Command(bodies.KickOffSeat, seats.kick_user_off_seat),
    "lock_seat": Command(bodies.LockSeat, seats.lock_seat),
    "switch_seat": Command(bodies.SwitchSeat, seats.switch_seat),
    "move_user_to_seat": Command(bodies.MoveToSeat, seats.move_user_to_seat),
}

_BATTLES: Mapping[str, Command] = {
    "create_battle": Command(bodies.CreateBattle, battles.create_battle),
    "set_battle_score": Command(bodies.SetBattleScore, battles.set_battle_score),
    "get_battle_info": Command(bodies.BattleRef, battles.get_battle_info),
    "end": Command(bodies.BattleRef, battles.end),
}

_CALLBACKS: Mapping[str, Command] = {
    "set_callback": Command(bodies.SetCallback, callbacks.set_callback),
    "get_callback": Command(bodies.Nothing, callbacks.get_callback),
    "update_callback": Command(bodies.UpdateCallback, callbacks.update_callback),
    "delete_callback": Command(bodies.Nothing, callbacks.delete_callback),
    "set_callback_token": Command(bodies.SetCallbackToken, callbacks.set_callback_token),
    "get_callback_token": Command(bodies.Nothing, callbacks.get_callback_token),
}

TABLE: Mapping[str, Command] = {
    **{f"live_engine_http_srv/{name}": command for name, command in _LIVE.items()},
    **{f"room_engine_http_mic/{name}": command for name, command in _SEATS.items()},
    **{f"live_engine_http_pk/{name}": command for name, command in _BATTLES.items()},
    **{f"live_config/{name}": command for name, command in _CALLBACKS.items()},
    "group_open_http_svc/send_group_msg": Command(bodies.SendGroupMessage, rooms.send_group_msg, beside=True),
    "im_open_login_svc/account_import": Command(bodies.ImportAccount, people.account_import),
    "profile/portrait_get": Command(bodies.GetPortraits, people.portrait_get, beside=True),
    "profile/portrait_set": Command(bodies.SetPortrait, people.portrait_set, beside=True),
}
"""By service and command, as in the path."""
