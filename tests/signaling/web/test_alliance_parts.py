"""Links and battles on the page by themselves: what notifications make of a room, the bar, tiles, moving on seats."""

from typing import Any

import pytest
from playwright.async_api import Page
from test_room_parts import page  # noqa: F401
from test_web_client import until

pytestmark = pytest.mark.slow

ROOM: dict[str, Any] = {
    "room_id": "a", "name": "Ann’s", "owner": "ann", "admins": [], "seat_mode": "free",
    "publications": [], "speakers": [],
    "seats": [
        {"index": index, "userid": userid, "name": (userid or "").title(), "connected": True, "locked": index == 3}
        for index, userid in enumerate(["ann", "gia", None, None, "kim"])
    ],
    "self": {"userid": "ann", "role": "owner", "seat": 0}, "battle": None,
    "link": {"link_id": "l", "rooms": [
        {"room_id": "a", "name": "Ann’s", "owner": "ann", "owner_name": "Ann"},
        {"room_id": "b", "name": "Ben’s", "owner": "ben", "owner_name": "Ben"},
        {"room_id": "c", "name": "", "owner": "cho", "owner_name": ""},
    ]},
}  # fmt: skip

CALLED = {"battle_id": "x", "by": "b", "called": ["a", "c"], "duration_s": 60, "expires_at": 5.0, "extra": ""}
STARTED = {"battle_id": "x", "by": "b", "rooms": ["b", "a"], "ends_at": 65.0, "extra": ""}
ENDED = {
    "battle_id": "x",
    "reason": "time_over",
    "scores": {"b": 7, "a": 3},
    "winners": ["b"],
    "punishment_until": 70.0,
}


async def after(page: Page, *notifications: tuple[str, dict[str, Any]]) -> Any:  # noqa: F811
    """The room's link and battle after these."""
    return await page.evaluate(
        """async ([room, notifications]) => {
          const { applyNotification } = await import('/web/room_state.js');
          const { link, battle } = notifications.reduce(
            (before, [method, params]) => applyNotification(before, method, params), room);
          return { link, battle };
        }""",
        [ROOM, notifications],
    )


async def test_a_battle_is_followed_from_the_call_to_the_end(page: Page) -> None:  # noqa: F811
    called = ("battle.requested", CALLED)
    waiting = (await after(page, called))["battle"]
    assert (waiting["phase"], waiting["until"], waiting["rooms"]) == ("waiting", 5.0, ["b", "a", "c"])
    refused = ("battle.answered", {"battle_id": "x", "room_id": "c", "outcome": "rejected"})
    assert (await after(page, called, refused))["battle"]["rooms"] == ["b", "a"]
    own = ("battle.answered", {"battle_id": "x", "room_id": "a", "outcome": "timeout"})
    assert (await after(page, called, own))["battle"] is None, "who did not accept hears no more"

    started = ("battle.started", STARTED)
    running = (await after(page, called, started))["battle"]
    assert (running["phase"], running["until"], running["scores"]) == ("running", 65.0, {"b": 0, "a": 0})
    newer = ("battle.scored", {"battle_id": "x", "scores": {"b": 2, "a": 3}, "version": 2})
    older = ("battle.scored", {"battle_id": "x", "scores": {"b": 1, "a": 0}, "version": 1})
    other = ("battle.scored", {"battle_id": "y", "scores": {"b": 9, "a": 9}, "version": 9})
    scored = (await after(page, started, newer, older, other, started))["battle"]
    assert (scored["scores"], scored["version"]) == ({"b": 2, "a": 3}, 2)
    left = ("battle.room_left", {"battle_id": "x", "room_id": "b"})
    assert (await after(page, started, left))["battle"]["rooms"] == ["a"]
    assert (await after(page, started, ("battle.room_left", {"battle_id": "x", "room_id": "a"})))["battle"] is None

    decided = (await after(page, started, ("battle.ended", ENDED)))["battle"]
    assert (decided["phase"], decided["until"], decided["winners"]) == ("punishment", 70.0, ["b"])
    over = ("battle.punishment_ended", {"battle_id": "x"})
    assert (await after(page, started, ("battle.ended", ENDED), over))["battle"] is None
    anew = ("battle.requested", {**CALLED, "battle_id": "z"})
    assert (await after(page, started, ("battle.ended", ENDED), anew, over))["battle"]["battle_id"] == "z"


async def test_a_link_is_the_rooms_own_or_none(page: Page) -> None:  # noqa: F811
    others = {"link_id": "l", "rooms": ROOM["link"]["rooms"][1:], "left": "a"}
    assert (await after(page, ("link.changed", others)))["link"] is None
    fewer = {"link_id": "l", "rooms": ROOM["link"]["rooms"][:2], "left": "c"}
    assert len((await after(page, ("link.changed", fewer)))["link"]["rooms"]) == 2
    assert (await after(page, ("link.ended", {"link_id": "l", "left": "b"})))["link"] is None


BAR = """async (room) => {
  const { BattleBar } = await import('/web/battle_bar.js');
  const { applyNotification } = await import('/web/room_state.js');
  window.room = room;
  window.told = null;
  window.bar = new BattleBar((standings) => { window.told = standings; });
  window.hear = (method, params) => {
    window.room = applyNotification(window.room, method, params);
    bar.show(window.room);
    if (method === 'battle.ended') bar.ended(params);
  };
}"""


async def test_the_bar_shows_the_own_room_first_and_who_wins(page: Page) -> None:  # noqa: F811
    await page.evaluate(BAR, ROOM)
    hear = "([method, params]) => hear(method, params)"
    await page.evaluate(hear, ["battle.started", STARTED])
    await page.evaluate(hear, ["battle.scored", {"battle_id": "x", "scores": {"b": 1500, "a": 500}, "version": 1}])
    ends = [await page.inner_text(f"#battle-{part}") for part in ("own-name", "own-score", "other-name", "other-score")]
    assert ends == ["Ann’s", "500", "Ben’s", "1,500"]
    assert await page.get_attribute("#battle-bar", "aria-label") == "Ann’s: 500, Ben’s: 1,500"
    widths = "[...document.querySelectorAll('#battle-bar i')].map((i) => i.clientWidth)"
    await until(page, f"(([own, other]) => Math.abs(other / own - 3) < 0.1)({widths})")
    assert await page.is_hidden("#battle-ranks")
    await page.evaluate(hear, ["battle.ended", ENDED])
    assert (await page.inner_text("#battle-result")).split("\n") == ["Defeat", "“Ben’s” wins", "3 : 7"]
    assert await page.evaluate("told.map(({ room_id, hasWon }) => [room_id, hasWon])") == [["a", False], ["b", True]]
    await page.evaluate(hear, ["battle.punishment_ended", {"battle_id": "x"}])
    assert await page.is_hidden("#battle")
    assert await page.evaluate("told") == []


async def test_a_battle_of_three_has_a_table_and_one_without_punishment_is_shown(page: Page) -> None:  # noqa: F811
    await page.evaluate(BAR, ROOM)
    hear = "([method, params]) => hear(method, params)"
    await page.evaluate(hear, ["battle.started", {**STARTED, "rooms": ["b", "c", "a"]}])
    await page.evaluate(hear, ["battle.scored", {"battle_id": "x", "scores": {"b": 1, "c": 5, "a": 2}, "version": 1}])
    assert await page.locator("#battle-ranks li").all_inner_texts() == ["Ann’s\n2", "Ben’s\n1", "c\n5"]
    assert await page.inner_text("#battle-other-score") == "5", "the best of the others"
    await page.evaluate(hear, ["battle.room_left", {"battle_id": "x", "room_id": "c"}])
    assert await page.locator("#battle-ranks .out").inner_text() == "c\n5"
    scores = {"b": 2, "c": 5, "a": 2}
    ended = {**ENDED, "scores": scores, "winners": ["b", "a"], "punishment_until": None}
    await page.evaluate(hear, ["battle.ended", ended])
    assert (await page.inner_text("#battle-result")).split("\n")[:2] == ["Draw", "Equal: Ann’s, Ben’s"]
    await until(page, "document.getElementById('battle').hidden === false")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("[[600, 'seconds'], [0.2, 'seconds'], [-3, 'clock'], [249, 'clock']].map(([s, f]) => c.timeLeft(s, f))",
         ["600 s", "1 s", "0:00", "4:09"]),
        ("t.tilesOf(room, 'grid').map(({ key, roomName }) => [key, roomName])",
         [["ann", ""], ["ben", "Ben’s"], ["cho", "c"], ["gia", ""], ["kim", ""]]),
        ("t.tilesOf(room, 'voice').map(({ key }) => key)",
         ["ann", "ben", "cho", "gia", "seat/2", "seat/3/locked", "kim"]),
        ("t.tilesOf({...room, publications: [{kind: 'video', source: 'screen', userid: 'ben', room_id: 'b'}]}, 'grid')"
         ".slice(0, 2).map(({ key, name, roomName }) => [key, name, roomName])",
         [["ben/screen", "Ben’s screen", "Ben’s"], ["ann", "Ann", ""]]),
        ("[false, true].map((ownPicture) => t.layoutOf(room, { chosen: 'float', ownPicture }))", ["voice", "float"]),
        ("[false, true].map((muted) => t.layoutOf({...room, publications: [{kind: 'video', userid: 'gia', muted}]},"
         " { chosen: 'grid', ownPicture: false }))", ["grid", "voice"]),
        ("b.outcomeFor('a', ['a']) + b.outcomeFor('a', ['b']) + b.outcomeFor('a', ['a', 'b'])", "wonlostdraw"),
        ("(() => { const clock = new s.ServerClock(); clock.read(1010, 100, 102); return clock.at(105); })()", 1014),
        ("w.sayRefusal('muted', 'You may not write.', { seconds: 600 })", "You may not write."),
    ],
)  # fmt: skip
async def test_small_decisions_between_rooms(page: Page, expression: str, expected: Any) -> None:  # noqa: F811
    script = f"""async (room) => {{
      const [b, c, s, t, w] = await Promise.all(['battle_bar', 'countdown', 'server_clock', 'tiles', 'words']
        .map((name) => import(`/web/${{name}}.js`)));
      return {expression};
    }}"""
    assert await page.evaluate(script, ROOM) == expected


MOVES = """async ([room, userid, role, mode]) => {
  const { HostTools } = await import('/web/host_tools.js');
  const moved = [];
  const self = { userid, role, seat: room.seats.find((seat) => seat.userid === userid)?.index ?? null };
  const client = { room: { ...room, self, seat_mode: mode }, isHost: role !== 'audience', isOwner: role === 'owner',
    moveSeat: async (...how) => { moved.push(how); } };
  const tools = new HostTools(client, async () => true);
  const entry = tools.seatItems(room.seats[1]).find(({ items }) => items);
  const entries = entry?.items() ?? [];
  for (const { action } of entries) await action();
  return [entries.map(({ text }) => text), moved];
}"""


async def test_hosts_move_guests_and_guests_themselves(page: Page) -> None:  # noqa: F811
    texts, moved = await page.evaluate(MOVES, [ROOM, "ann", "owner", "apply"])
    assert texts == ["Seat 3", "Seat 5: swap with Kim"], "neither the owner's seat nor a locked one"
    assert moved == [[2, {"userid": "gia"}], [4, {"userid": "gia", "policy": "swap_position"}]]
    texts, moved = await page.evaluate(MOVES, [ROOM, "gia", "audience", "free"])
    assert (texts, moved) == (["Seat 3"], [[2, {}]])
    assert await page.evaluate(MOVES, [ROOM, "gia", "audience", "apply"]) == [[], []]
    assert await page.evaluate(MOVES, [ROOM, "kim", "audience", "free"]) == [[], []], "not her seat"
