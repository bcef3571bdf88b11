"""An evening: three rooms, a guest who applies, two rooms that are linked and do battle, gifts that decide it.

Everything is done by the buttons of the page, and read from it. TALLY_PICTURES=DIR takes screenshots on the way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from actors import DESKTOP, LAPTOP, PHONE, Actor
from playwright.async_api import Browser, expect
from stage import NodeProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

BATTLE_S = 14
"""The page offers minutes; the server allows 10 seconds."""


@dataclass
class Evening:
    """Ann's room with Vic and Gia, Ben's room with Wim, and Cho's room."""

    ann: Actor
    ben: Actor
    cho: Actor
    vic: Actor
    wim: Actor
    gia: Actor


@pytest.fixture
async def evening(node: NodeProcess, chromium: Callable[[], Awaitable[Browser]]) -> Evening:
    browser = await chromium()

    async def come(name: str, hue: int, room: str, size: tuple[int, int] = DESKTOP) -> Actor:
        return await Actor.open(browser, f"{node.url}room/{room}", name, hue, size)

    return Evening(
        ann=await come("Ann", 340, "ann?host=1"),
        ben=await come("Ben", 210, "ben?host=1"),
        cho=await come("Cho", 140, "cho?host=1"),
        vic=await come("Vic", 0, "ann", PHONE),
        wim=await come("Wim", 0, "ben"),
        gia=await come("Gia", 40, "ann", LAPTOP),
    )


async def test_an_evening(evening: Evening) -> None:
    await a_room_is_for_voices(evening)
    await a_guest_applies_sits_and_is_silenced(evening)
    await two_rooms_are_linked(evening)
    await gifts_decide_a_battle(evening)
    await pictures_are_laid_out_as_wished(evening)
    await the_third_room_was_left_alone(evening)


async def a_room_is_for_voices(evening: Evening) -> None:
    cho = evening.cho
    await cho.page.click("#mute-cam")
    await expect(cho.page.locator("#stage")).to_have_attribute("data-layout", "voice")
    await expect(cho.page.locator("figure.tile")).to_have_count(10)
    await cho.photographed("voices")


async def a_guest_applies_sits_and_is_silenced(evening: Evening) -> None:
    ann, vic, gia = evening.ann, evening.vic, evening.gia
    await vic.sees(ann)
    await vic.says("Good evening")
    await ann.says("Welcome, all of you")
    for one in (ann, vic, gia):
        await one.reads("Good evening")
        await one.reads("Welcome, all of you")

    await ann.page.click("#room-settings summary")
    await ann.page.check("#apply-mode")
    await expect(gia.page.locator("#take-seat")).to_have_text("Apply for seat")
    await gia.page.click("#take-seat")
    await ann.page.get_by_label("Accept Gia").click()
    await ann.sees(gia)
    await gia.sees(ann)
    await vic.sees(gia)

    await ann.chooses("Actions for seat 2", "Turn sound off")
    await expect(vic.tile(gia).locator(".tile-muted")).to_be_visible()
    await ann.chooses("Actions for seat 2", "No messages for 10 min")
    await expect(gia.page.locator("#chat-text")).to_be_disabled()
    await expect(gia.page.locator("#chat-refusal")).to_contain_text("cannot write for 10 min")
    await ann.chooses("Actions for seat 2", "Move to another seat…", "Seat 4")
    await expect(ann.page.get_by_label("Actions for seat 4")).to_be_visible()
    await ann.page.click("#room-settings summary")
    await gia.page.click("#take-seat")
    await expect(vic.tile(gia)).to_have_count(0)


async def two_rooms_are_linked(evening: Evening) -> None:
    ann, ben, cho, vic, wim = evening.ann, evening.ben, evening.cho, evening.vic, evening.wim
    await ann.page.click("#open-alliances")
    await expect(ann.page.locator("#candidates li")).to_have_count(2)
    await ann.page.get_by_label("Connect with Cho’s live").click()
    await expect(ann.page.locator("#candidates .countdown")).to_contain_text(" s")
    await cho.page.locator("#calls").get_by_role("button", name="Reject").click()
    await expect(ann.page.locator("#toasts")).to_contain_text("“Cho’s live” does not want to be connected")
    await ann.page.get_by_label("Connect with Ben’s live").click()
    await expect(ben.page.locator("#calls")).to_contain_text("Ann wants to connect “Ann’s live” with your room")
    await ben.photographed("asked")
    await ben.page.locator("#calls").get_by_role("button", name="Accept").click()
    await expect(ben.page.locator("#calls")).to_be_hidden()
    await expect(ann.page.locator("#linked-rooms li")).to_have_count(2)
    await ann.photographed("panel")

    await asyncio.gather(ann.sees(ben), ben.sees(ann), vic.sees(ben), wim.sees(ann))
    await expect(vic.tile(ben).locator(".tile-room")).to_have_text("Ben’s live")
    await expect(wim.tile(ann).locator(".tile-room")).to_have_text("Ann’s live")


async def gifts_decide_a_battle(evening: Evening) -> None:
    ann, ben, vic, wim = evening.ann, evening.ben, evening.vic, evening.wim
    first = ann.page.locator("#battle-durations input").first
    await first.evaluate(f"(radio) => {{ radio.value = '{BATTLE_S}'; radio.checked = true; }}")
    await ann.page.click("#battle-start")
    await expect(ann.page.locator("#battle-state-text")).to_contain_text("Waiting for answers")
    await expect(ben.page.locator("#calls")).to_contain_text(f"a battle of {BATTLE_S} s against “Ann’s live”")
    await ben.page.locator("#calls").get_by_role("button", name="Accept").click()
    everybody = (ann, ben, vic, wim)
    for one in everybody:
        await expect(one.page.locator("#battle-time")).to_contain_text("0:")
    await ann.page.click("#alliances-close")

    await asyncio.gather(wim.gives("lantern", 10), vic.gives("rose", 66))
    prices = {gift: await price(vic, gift) for gift in ("lantern", "rose")}
    bens, anns = 10 * prices["lantern"], 66 * prices["rose"]
    assert bens > anns > 0
    for one, own, other in ((ann, anns, bens), (vic, anns, bens), (ben, bens, anns), (wim, bens, anns)):
        await expect(one.page.locator("#battle-own-score")).to_have_text(f"{own:,}")
        await expect(one.page.locator("#battle-other-score")).to_have_text(f"{other:,}")
    await asyncio.gather(vic.photographed("battle-phone"), wim.photographed("battle"))

    async def hears(one: Actor, outcome: str) -> None:
        result = one.page.locator("#battle-result")
        await expect(result).to_contain_text("“Ben’s live” wins", timeout=(BATTLE_S + 10) * 1000)
        await expect(result).to_contain_text(outcome)
        await expect(one.tile(ben).locator(".tile-result")).to_be_visible()

    await asyncio.gather(hears(ann, "Defeat"), hears(vic, "Defeat"), hears(ben, "Victory"), hears(wim, "Victory"))
    await asyncio.gather(vic.photographed("defeat-phone"), wim.photographed("victory"))
    for one in everybody:
        await expect(one.page.locator("#battle")).to_be_hidden(timeout=15_000)
    await expect(vic.tile(ben)).to_be_visible()
    await expect(wim.tile(ann)).to_be_visible()


async def price(who: Actor, gift: str) -> int:
    shown = who.page.locator(f'#gift-choices .gift:has(input[value="{gift}"]) .gift-price')
    return int((await shown.text_content() or "").split()[0])


async def pictures_are_laid_out_as_wished(evening: Evening) -> None:
    ann, vic, gia = evening.ann, evening.vic, evening.gia
    await ann.page.click("#layout")
    for one in (ann, vic, gia):
        await expect(one.page.locator("#stage")).to_have_attribute("data-layout", "float")
        await expect(one.page.locator("figure[data-large]")).to_contain_text("Ann")
    await vic.page.get_by_label("Show Ben large").click()
    await expect(vic.page.locator("figure[data-large]")).to_contain_text("Ben")
    await asyncio.gather(vic.photographed("float-phone"), gia.photographed("float"))
    await vic.page.click("#layout")
    await expect(vic.page.locator("#stage")).to_have_attribute("data-layout", "grid")
    await expect(gia.page.locator("#stage")).to_have_attribute("data-layout", "float")


async def the_third_room_was_left_alone(evening: Evening) -> None:
    cho = evening.cho
    await expect(cho.page.locator("figure.tile[data-userid]")).to_have_count(1)
    await expect(cho.page.locator("#battle")).to_be_hidden()
    await expect(cho.page.locator("#messages .message")).to_have_count(0)
    await cho.page.click("#mute-cam")
    await expect(cho.page.locator("figure.tile")).to_have_count(1)
