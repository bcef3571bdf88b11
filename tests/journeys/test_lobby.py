"""The lobby in a browser: looking into a live on its card, finding it, following its host, and telling who one is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, expect
from stage import Member, NodeProcess, Tab, wait_for

pytestmark = pytest.mark.slow

TITLES = ("Late piano", "Chess", "Carbonara", "Harbour", "Python", "Vinyl", "Rain")

PLAYED = """() => {
    const video = document.querySelector('.previewing video');
    return video && {
        time: video.currentTime, width: video.videoWidth, height: video.videoHeight, muted: video.muted,
        sounds: video.srcObject.getAudioTracks().length,
    };
}"""


@pytest.fixture
async def silent(node: NodeProcess) -> AsyncIterator[dict[str, Member]]:
    """Rooms of hosts who show nothing, by title; the more to the left, the larger is their audience."""
    people: dict[str, Member] = {}
    for number, title in enumerate(TITLES):
        people[title] = Member(node, f"host-{number}")
        await people[title].connect()
        await people[title].call("room.create", room_id=f"silent-{number}", name=title)
        await people[title].call("profile.set", name=f"Host of {title}")
    for number in (0, 0, 1):
        viewer = people[f"viewer {len(people)}"] = Member(node, f"viewer-{len(people)}")
        await viewer.connect()
        await viewer.call("room.enter", room_id=f"silent-{number}")
    yield people
    for member in people.values():
        await member.close()


@pytest.fixture
async def ann(node: NodeProcess, chromium: Callable[[], Awaitable[Browser]]) -> Tab:
    """Her page; she is live."""
    tab = await Tab.open(await chromium(), node.url)
    await tab.page.fill("#name", "Ann")
    await tab.page.click("#go-live")
    await tab.page.wait_for_selector("#mute-cam:not([hidden])")
    await tab.page.wait_for_selector("video.own")
    return tab


def card(tab: Tab, text: str) -> Locator:
    return tab.page.locator("#rooms li", has_text=text)


def usage(node: NodeProcess, app: int) -> dict[str, int]:
    """Seconds by tier."""
    found: dict[str, int] = {}
    for row in node.get(f"v1/apps/{app}/usage?bucket=5m", node.operator_key)["usage"]:
        found[row["tier"]] = found.get(row["tier"], 0) + row["seconds"]
    return found


async def test_a_card_is_looked_into_small_and_silent_and_it_is_billed(
    node: NodeProcess, silent: dict[str, Member], ann: Tab, chromium: Callable[[], Awaitable[Browser]]
) -> None:
    app = node.credentials("eve")["sdkappid"]
    eve = await Tab.open(await chromium(), node.url)
    await expect(eve.page.locator("#rooms li")).to_have_count(len(TITLES) + 1)
    first = [await eve.page.locator("#rooms .card-name").nth(index).inner_text() for index in range(2)]
    assert first == ["Late piano", "Chess"]
    assert node.metrics()["tally_signaling_previews"] == 0

    await card(eve, "Ann").locator("a.card").hover()

    async def plays() -> dict[str, Any] | None:
        found: dict[str, Any] | None = await eve.page.evaluate(PLAYED)
        return found if found and found["time"] > 0.5 else None

    seen = await wait_for(plays, 20, "the preview plays")
    assert seen["muted"]
    assert seen["sounds"] == 0

    await ann.page.click("#room-settings summary")
    await ann.page.select_option("#room-category", label="Music")
    await expect(card(eve, "Ann").locator(".card-category")).to_have_text("Music")

    async def goes_on() -> bool:
        return bool((await eve.page.evaluate(PLAYED))["time"] > seen["time"] + 2)

    await wait_for(goes_on, 10, "the preview goes on")
    received = await eve.statistics("inbound-rtp")
    assert [entry["kind"] for entry in received] == ["video"]
    assert received[0]["frameWidth"] <= 320
    assert node.metrics()["tally_signaling_previews"] == 1
    assert await ann.page.inner_text("#audience-count") == "0"

    await eve.page.mouse.move(2, 2)
    await expect(eve.page.locator(".previewing")).to_have_count(0)
    await expect(eve.page.locator("#rooms video")).to_have_count(0)

    async def is_over() -> bool:
        return node.metrics()["tally_signaling_previews"] == 0

    await wait_for(is_over, 5, "the end of the preview")

    async def billed() -> int | None:
        return (await asyncio.to_thread(usage, node, app)).get("sd")

    # Nobody but Eve received a picture.
    assert 2 <= await wait_for(billed, 20, "the seconds of the preview are billed") <= 30

    # From card to card one connection lasts, and the keyboard looks in as well.
    await eve.page.locator("#search").focus()
    await card(eve, "Ann").locator("a.card").focus()
    await eve.page.keyboard.press("Tab")
    await eve.page.keyboard.press("Shift+Tab")
    await wait_for(plays, 20, "the preview plays again")
    assert len(await eve.page.evaluate("window.connections.filter((one) => one.connectionState === 'connected')")) == 1

    await eve.page.keyboard.press("Enter")
    await eve.page.wait_for_selector("video.remote")
    await wait_for(is_over, 5, "entering ends the preview")


async def test_a_live_is_found_its_host_followed_and_a_profile_changed(
    node: NodeProcess, silent: dict[str, Member], chromium: Callable[[], Awaitable[Browser]]
) -> None:
    await silent["Chess"].call("room.update", category=[3])
    bob = await Tab.open(await chromium(), node.url)
    titles = bob.page.locator("#rooms .card-name")
    await expect(titles).to_have_count(len(TITLES))

    await bob.page.fill("#search", "carbon")
    await expect(titles).to_have_text(["Carbonara"])
    await bob.page.fill("#search", "nothing like it")
    await expect(bob.page.locator("#rooms-empty")).to_contain_text("“nothing like it”")
    await bob.page.fill("#search", "")
    await expect(titles).to_have_count(len(TITLES))
    await bob.page.get_by_role("button", name="Games", exact=True).click()
    await expect(titles).to_have_text(["Chess"])

    # A profile, and the button that follows.
    await bob.page.locator(".card-owner").click()
    dialog = bob.page.locator("dialog.profile")
    await expect(dialog.locator("h2")).to_have_text("Host of Chess")
    await dialog.get_by_role("button", name="Follow Host of Chess").click()
    await expect(dialog.locator(".count-button b").first).to_have_text("1")
    await dialog.locator(".count-button").first.click()
    await expect(dialog.locator(".profile-list li")).to_have_count(1)
    await bob.page.keyboard.press("Escape")
    await bob.page.get_by_role("button", name="Followed", exact=True).click()
    await expect(titles).to_have_text(["Chess"])

    # One's own profile.
    await bob.page.click("#own-profile")
    await dialog.get_by_role("button", name="Edit profile").click()
    await dialog.get_by_label("Your name").fill("Bob")
    await dialog.get_by_label("Signature").fill("I watch chess.")
    await dialog.get_by_label("Picture").fill("ftp://example.org/bob.png")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.locator(".refusal")).to_contain_text("https")
    await dialog.get_by_label("Picture").fill("")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.locator("h2")).to_have_text("Bob")
    await expect(dialog.locator(".profile-signature")).to_have_text("I watch chess.")
    await dialog.get_by_role("button", name="Close").click()
    userid = await bob.page.evaluate("document.body.dataset.userid")
    assert (await silent["Chess"].call("profile.get", userid=userid))["name"] == "Bob"

    # The news that a followed host is live, with the way there; in the room, its host stands in the bar.
    await silent["Chess"].call("room.dismiss")
    await expect(bob.page.locator("#rooms-empty")).to_contain_text("None of those whom you follow")
    await silent["Chess"].call("room.create", room_id="again", name="Chess again")
    await bob.page.locator("#toasts a", has_text="Watch").click()
    await expect(bob.page.locator("#host")).to_contain_text("Following")
    await bob.page.get_by_role("button", name="Follow Host of Chess").click()
    await expect(bob.page.locator("#host .follow")).to_have_text("Follow")
    assert (await silent["Chess"].call("profile.get"))["followers"] == 0

    # Where many watch, one of them is found by name.
    for number in range(9):
        member = silent[f"watcher {number}"] = Member(node, f"watcher-{number}")
        await member.connect()
        await member.call("room.enter", room_id="again")
    await bob.page.fill("#audience-search", "cher-7")
    await expect(bob.page.locator("#audience li")).to_have_count(1)
    await bob.page.fill("#audience-search", "nobody")
    await expect(bob.page.locator("#audience-empty")).to_have_text("Nobody here by that name.")


async def test_what_the_edition_does_not_have_is_not_shown(
    node: NodeProcess, chromium: Callable[[], Awaitable[Browser]]
) -> None:
    app = node.credentials("host")["sdkappid"]
    node.send("PUT", f"v1/apps/{app}/edition", {"edition": "multi_guest"})
    host = Member(node, "host")
    await host.connect()
    await host.call("room.create", room_id="plain", name="Plain")
    bob = await Tab.open(await chromium(), node.url)
    await expect(bob.page.locator("#rooms li")).to_have_count(1)

    await expect(bob.page.locator("#search-form")).to_be_hidden()
    await expect(bob.page.get_by_role("button", name="Followed", exact=True)).to_have_count(0)
    assert await bob.page.locator("#rooms").get_attribute("class") == "cards"
    await bob.page.locator("#rooms a.card").hover()
    await bob.page.locator(".card-owner").click()
    await expect(bob.page.locator("dialog.profile h2")).to_be_visible()
    await expect(bob.page.locator("dialog.profile .follow, dialog.profile .count-button")).to_have_count(0)
    assert node.metrics()["tally_signaling_previewers"] == 0
    await host.close()
