"""The room page between two people: talking, liking, giving, coming on stage by application, and being silenced."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser, expect
from stage import NodeProcess, Tab

pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=\"document.body.dataset.hacked = '1'\">"


@dataclass
class Pair:
    """Ann's page, who is live, and Bob's, who watches."""

    ann: Tab
    bob: Tab

    async def said(self, text: str) -> None:
        """Both see this text in the chat, once."""
        for tab in (self.ann, self.bob):
            await expect(tab.page.locator("#messages .message", has_text=text)).to_have_count(1)


@pytest.fixture
async def pair(node: NodeProcess, chromium: Callable[[], Awaitable[Browser]]) -> Pair:
    ann = await Tab.open(await chromium(), node.url)
    await ann.page.fill("#name", "Ann")
    await ann.page.click("#go-live")
    await ann.page.wait_for_selector("#controls")
    bob = await Tab.open(await chromium(), node.url)
    await bob.page.fill("#name", "Bob")
    await bob.page.click("#rooms li[data-room-id] a.card")
    await bob.page.wait_for_selector("#controls")
    return Pair(ann, bob)


async def say(tab: Tab, text: str) -> None:
    await tab.page.fill("#chat-text", text)
    await tab.page.press("#chat-text", "Enter")


async def choose(tab: Tab, menu: str, item: str) -> None:
    """By keyboard: opens the menu whose label is `menu`, and goes down to `item`."""
    await tab.page.get_by_label(menu, exact=True).focus()
    await tab.page.keyboard.press("Enter")
    items = await tab.page.get_by_role("menuitem").all_inner_texts()
    for _ in range(items.index(item)):
        await tab.page.keyboard.press("ArrowDown")
    await tab.page.keyboard.press("Enter")
    await expect(tab.page.get_by_role("menu")).to_have_count(0)


async def test_chat_likes_and_gifts_go_both_ways(
    node: NodeProcess, pair: Pair, chromium: Callable[[], Awaitable[Browser]]
) -> None:
    ann, bob = pair.ann, pair.bob
    await say(bob, "Hello Ann")
    await pair.said("Hello Ann")
    await say(ann, "Hello Bob")
    await pair.said("Hello Bob")
    await say(bob, HOSTILE)
    await pair.said("onerror")
    for tab in (ann, bob):
        assert await tab.page.locator("#messages img").count() == 0
        assert await tab.page.evaluate("document.body.dataset.hacked") is None
    assert await bob.page.input_value("#chat-text") == ""

    for _ in range(3):
        await bob.page.click("#like")
    await expect(ann.page.locator("#like-total")).to_have_text("3", timeout=12_000)
    await expect(bob.page.locator("#like-total")).to_have_text("3")

    await bob.page.click("#open-gifts")
    await bob.page.select_option("#gift-count", "10")
    await bob.page.click("#gift-send")
    await expect(ann.page.locator(".gift-card")).to_contain_text("× 10")
    await pair.said("Bob gives 10 ×")

    # Who comes later sees what was said and counted, under a name that is only text.
    eve = await Tab.open(await chromium(), node.url)
    await eve.page.fill("#name", "<b>Eve</b>")
    await eve.page.click("#rooms li[data-room-id] a.card")
    await expect(eve.page.locator("#messages .message")).to_have_count(4)
    await expect(eve.page.locator("#like-total")).to_have_text("3")
    await say(eve, "I am late")
    await expect(ann.page.locator(".author", has_text="<b>Eve</b>")).to_have_count(1)
    await expect(ann.page.locator("#audience li", has_text="<b>Eve</b>")).to_have_count(1)


async def test_a_guest_applies_is_accepted_and_seen(pair: Pair) -> None:
    ann, bob = pair.ann, pair.bob
    await ann.page.click("#room-settings summary")
    await ann.page.check("#apply-mode")
    seat_button = bob.page.locator("#take-seat")
    await expect(seat_button).to_have_text("Apply for seat")
    assert await bob.page.locator("#free-seats button").count() == 0, "no seat can simply be taken"

    await seat_button.click()
    await expect(seat_button).to_have_text("Stop waiting")
    await seat_button.click()
    await expect(seat_button).to_have_text("Apply for seat")
    await expect(ann.page.locator("#applications-part")).to_be_hidden()

    await seat_button.click()
    await ann.page.get_by_label("Reject Bob").click()
    await expect(bob.page.locator("#toasts")).to_contain_text("cannot take you on stage")
    await seat_button.click()
    await ann.page.get_by_label("Accept Bob").click()
    await ann.page.wait_for_selector("video.remote")
    await bob.page.wait_for_selector("video.own")
    await expect(seat_button).to_have_text("Leave stage")

    await choose(ann, "Actions for seat 2", "Turn sound off")
    for tab in (ann, bob):
        await expect(tab.page.locator("#seats .sign")).to_have_count(1)
        await expect(tab.page.locator('figure[data-source="camera"] .tile-muted:visible')).to_have_count(1)
    await choose(ann, "Actions for seat 2", "Lock seat")
    await expect(bob.page.locator("#toasts")).to_contain_text("took you off the stage")
    await expect(bob.page.get_by_label("Seat 2 is locked")).to_be_visible()


async def test_an_invitation_is_answered_in_a_dialog(pair: Pair) -> None:
    ann, bob = pair.ann, pair.bob
    await choose(ann, "Actions for Bob", "Invite on stage")
    await expect(bob.page.locator("#invitation")).to_contain_text("Ann invites you")
    await bob.page.keyboard.press("Escape")
    await expect(ann.page.locator("#toasts")).to_contain_text("Bob does not want to")
    await choose(ann, "Actions for Bob", "Invite on stage")
    await bob.page.click("#invitation-yes")
    await ann.page.wait_for_selector("video.remote")


async def test_who_may_not_write_is_told_in_words(pair: Pair) -> None:
    ann, bob = pair.ann, pair.bob
    await choose(ann, "Actions for Bob", "No messages for 10 min")
    await expect(bob.page.locator("#chat-refusal")).to_contain_text("cannot write for 10 min")
    await expect(bob.page.locator("#chat-text")).to_be_disabled()
    await choose(ann, "Actions for Bob", "Allow messages again")
    await say(bob, "Thank you")
    await pair.said("Thank you")

    await bob.page.evaluate("""() => {
      for (let number = 0; number < 14; number += 1) {
        document.getElementById('chat-text').value = `line ${number}`;
        document.getElementById('chat-form').requestSubmit();
      }
    }""")
    await expect(bob.page.locator("#chat-refusal")).to_contain_text("too fast")

    await ann.page.click("#room-settings summary")
    await ann.page.check("#hosts-only")
    await expect(bob.page.locator("#chat-text")).to_be_disabled()
    await expect(bob.page.locator("#chat-text")).to_have_attribute("placeholder", "Only hosts may write")
    await say(ann, "Listen")
    await pair.said("Listen")
    await ann.page.fill("#notice-text", "Be kind.")
    await ann.page.press("#notice-text", "Enter")
    await expect(bob.page.locator("#room-notice")).to_have_text("Be kind.")

    await choose(ann, "Actions for Bob", "Make admin")
    await expect(bob.page.locator("#chat-text")).to_be_enabled()
    await expect(bob.page.locator("#room-settings")).to_be_visible()
