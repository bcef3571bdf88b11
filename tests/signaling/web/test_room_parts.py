"""The parts of the room page by themselves: the page's own markup and modules, no server, no room."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright
from test_web_client import ORIGIN, serve, until

pytestmark = pytest.mark.slow

# The markup of the room page without its script, and words put in.
MARKUP = """async () => {
  const text = await (await fetch('/web/room.html')).text();
  document.body.replaceWith(new DOMParser().parseFromString(text, 'text/html').body);
  for (const sheet of ['style', 'stage', 'battle']) {
    const style = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: `/web/${sheet}.css` });
    document.head.append(style);
    await new Promise((resolve) => { style.onload = resolve; });
  }
  (await import('/web/dom.js')).fill();
}"""


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        args = ["--no-sandbox", "--disable-background-networking"]
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=args)
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        await page.route("**/*", serve)
        await page.goto(f"{ORIGIN}/")
        await page.evaluate(MARKUP)
        yield page
        await browser.close()


CHAT = """async () => {
  const { Chat } = await import('/web/chat.js');
  window.refusal = null;
  window.sent = [];
  const send = async (text) => {
    if (window.refusal) throw window.refusal;
    window.sent.push(text);
    return { sequence: 10_000 + window.sent.length, kind: 'text', userid: 'me', name: 'Me', text };
  };
  window.chat = new Chat(send, (id) => `gift ${id}`);
  window.hear = (from, count, facts = {}) => chat.add(Array.from({ length: count }, (_, index) => (
    { sequence: from + index, kind: 'text', userid: 'bob', name: 'Bob', text: `line ${from + index}`, ...facts })));
}"""

LINES = "document.querySelectorAll('#messages li').length"


async def test_the_chat_keeps_500_lines_and_stays_at_the_end(page: Page) -> None:
    await page.evaluate(CHAT)
    await page.evaluate("hear(1, 300)")
    await until(page, f"{LINES} === 300")
    await page.evaluate("hear(301, 300)")
    await until(page, "document.querySelector('#messages li:last-child').textContent.includes('line 600')")
    assert await page.evaluate(LINES) == 500
    assert await page.is_hidden("#new-messages")
    at_end = "document.getElementById('messages').scrollTop + document.getElementById('messages').clientHeight"
    assert await page.evaluate(f"{at_end} > document.getElementById('messages').scrollHeight - 5")


async def test_who_has_scrolled_up_is_not_moved_but_told(page: Page) -> None:
    await page.evaluate(CHAT)
    await page.evaluate("hear(1, 100)")
    await until(page, f"{LINES} === 100")
    await page.evaluate("document.getElementById('messages').scrollTop = 100")
    await page.evaluate("hear(101, 3)")
    await page.wait_for_selector("#new-messages:visible")
    assert await page.inner_text("#new-messages") == "3 new"
    assert await page.evaluate("document.getElementById('messages').scrollTop") == 100
    await page.click("#new-messages")
    await page.wait_for_selector("#new-messages", state="hidden")


async def test_what_others_write_is_text(page: Page) -> None:
    await page.evaluate(CHAT)
    evil = "<img src=x onerror=alert(1)><b>bold</b>"
    for number, kind in enumerate(("text", "system", "enter", "like", "gift"), start=1):
        facts = {"kind": kind, "name": evil, "userid": evil, "text": evil, "data": '{"gift_id": "' + evil + '"}'}
        await page.evaluate("([number, facts]) => hear(number, 1, facts)", [number, facts])
    await until(page, f"{LINES} === 5")
    assert await page.locator("#messages :is(img, b)").count() == 0
    assert (await page.inner_text("#messages")).count(evil) == 7


async def test_a_refused_line_comes_back_with_the_reason(page: Page) -> None:
    await page.evaluate(CHAT)
    await page.evaluate("window.refusal = Object.assign(new Error('You may not write.'), {name: 'muted'})")
    await page.fill("#chat-text", "hello")
    await page.press("#chat-text", "Enter")
    await page.wait_for_selector("#chat-refusal:visible")
    assert await page.inner_text("#chat-refusal") == "You may not write."
    assert await page.input_value("#chat-text") == "hello"
    await page.evaluate("window.refusal = null")
    await page.fill("#chat-text", "  hello again ")
    assert await page.is_hidden("#chat-refusal")
    await page.click("#chat-send")
    await until(page, f"{LINES} === 1")
    assert await page.evaluate("window.sent") == ["hello again"]


async def test_who_was_muted_before_reads_for_how_long(page: Page) -> None:
    await page.evaluate(CHAT)
    error = "Object.assign(new Error('No.'), {name: 'muted', data: {name: 'muted', seconds: 599}})"
    await page.evaluate(f"window.refusal = {error}")
    await page.fill("#chat-text", "hello")
    await page.press("#chat-text", "Enter")
    await page.wait_for_selector("#chat-text:disabled")
    assert await page.inner_text("#chat-refusal") == "A host has muted you: you cannot write for 10 min."


async def test_a_refusal_says_in_chinese_for_how_long(page: Page) -> None:
    assert page.context.browser is not None
    chinese = await page.context.browser.new_page(locale="zh-CN")
    await chinese.route("**/*", serve)
    await chinese.goto(f"{ORIGIN}/")
    sentences = await chinese.evaluate("""async () => {
      const { LiveError } = await import('/web/errors.js');
      const muted = (data) => LiveError.fromServer({ code: 100017, message: 'No.', data: { name: 'muted', ...data } });
      return [muted({ seconds: 600 }).message, muted({}).message];
    }""")
    assert sentences == ["你被禁言了：10 分钟内不能发言。", "你暂时不能在这里发言。"]


async def test_the_counter_counts_bytes_near_the_limit(page: Page) -> None:
    await page.evaluate(CHAT)
    await page.fill("#chat-text", "x" * 700)
    assert await page.is_hidden("#chat-counter")
    await page.fill("#chat-text", "字" * 300)
    assert await page.inner_text("#chat-counter") == "100 bytes left"
    await page.fill("#chat-text", "字" * 334)
    await page.press("#chat-text", "Enter")
    assert await page.inner_text("#chat-refusal") == "This is too long by 2 bytes."
    assert await page.evaluate("window.sent") == []


async def test_who_is_muted_can_write_again_when_it_is_over(page: Page) -> None:
    await page.evaluate(CHAT)
    await page.evaluate("chat.setMuted(Date.now() / 1000 + 599.5)")
    assert await page.inner_text("#chat-refusal") == "A host has muted you: you cannot write for 10 min."
    assert await page.is_disabled("#chat-text")
    await page.evaluate("chat.setMuted(Date.now() / 1000 + 0.2)")
    await page.wait_for_selector("#chat-text:enabled")
    assert await page.is_hidden("#chat-refusal")


async def test_a_menu_is_worked_by_keyboard(page: Page) -> None:
    await page.evaluate("""async () => {
      const { menuButton } = await import('/web/menu.js');
      window.done = [];
      const item = (text) => ({ text, action: async () => { window.done.push(text); } });
      document.querySelector('.bar').append(menuButton('Actions', 'key', () => ['one', 'two', 'three'].map(item)));
    }""")
    focused = "document.activeElement.textContent || document.activeElement.dataset.menu"
    seen = []
    await page.focus("[data-menu=key]")
    for key in ("Enter", "ArrowUp", "ArrowDown", "End", "Home", "Escape"):
        await page.keyboard.press(key)
        seen.append(await page.evaluate(focused))
    assert seen == ["one", "three", "one", "three", "one", "key"]
    assert await page.get_by_role("menu").count() == 0
    await page.keyboard.press("Enter")
    assert await page.get_attribute("[data-menu=key]", "aria-expanded") == "true"
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    assert await page.evaluate("window.done") == ["two"]
    assert await page.evaluate(focused) == "key"


async def test_gifts_are_hidden_without_a_catalogue_and_shown_one_after_the_other(page: Page) -> None:
    await page.evaluate("""async () => {
      const { Gifts } = await import('/web/gifts.js');
      window.list = async () => { throw Object.assign(new Error(), { name: 'not_in_edition' }); };
      window.given = [];
      const sendGift = async (gift) => { window.given.push(gift); };
      window.gifts = new Gifts({ listGifts: () => window.list(), sendGift });
      await gifts.load();
    }""")
    assert await page.is_hidden("#open-gifts")
    await page.evaluate("""() => {
      const icon_url = 'http://elsewhere/x.png';
      const gift = (gift_id, coins) => ({ gift_id, name: gift_id, desc: '', icon_url, coins });
      window.list = async () => ({ gifts: [gift('Rose', 1), gift('Rocket', 520)], categories: [] });
      return gifts.load();
    }""")
    await page.click("#open-gifts")
    await page.keyboard.press("ArrowRight")
    await page.select_option("#gift-count", "10")
    assert await page.inner_text("#gift-sum") == "5200 coins"
    await page.click("#gift-send")
    (given,) = await page.evaluate("window.given")
    assert given.pop("send_id"), "the same giving keeps its id when it is sent again"
    assert given == {"gift_id": "Rocket", "count": 10}
    assert await page.locator("#gift-choices img").count() == 0, "pictures come over https only"
    gift = '{kind: "gift", userid: "bob", name: "Bob", data: JSON.stringify({gift_id: "Rose", count: %d})}'
    await page.evaluate(f"gifts.show([{gift % 1}, {gift % 2}])")
    assert await page.inner_text(".gift-times") == "× 1"
    await until(page, "document.querySelector('.gift-times').textContent === '× 2'")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("['', 'https://a/b.png', '/web/icon.svg', 'http://a/b.png', 'data:image/png,x', 'javascript:1']"
         ".map((await import('/web/dom.js')).isPicture)", [False, True, True, False, False, False]),
        ("[119, 600, 3600, 86400].map((await import('/web/words.js')).spanInWords)",
         ["119 s", "10 min", "60 min", "24 h"]),
        ("(await import('/web/chat.js')).readGift('no JSON').count", 1),
        ("(await import('/web/waterfall.js')).stacked([30, 10, 10, 5], 2, 5).map(({column, top}) => [column, top])",
         [[0, 0], [1, 0], [1, 15], [1, 30]]),
        ("[999, 1234, 5e6].map((n) => w.shortNumber(n, 'en'))", ["999", "1.2K", "5M"]),
        ("['bob', 'eve', 'me'].map((id) => h.isAbove({...room, owner: 'me', self: {userid: 'me', role: 'owner'}}, id))",
         [True, True, False]),
        ("['ann', 'bob', 'eve'].map((id) => h.isAbove({...room, self: {userid: 'me', role: 'admin'}}, id))",
         [False, False, True]),
        ("['ann', 'eve'].map((id) => h.isAbove({...room, self: {userid: 'me', role: 'audience'}}, id))",
         [False, False]),
    ],
)  # fmt: skip
async def test_small_decisions(page: Page, expression: str, expected: Any) -> None:
    script = f"""async () => {{
      const w = await import('/web/words.js');
      const h = await import('/web/host_tools.js');
      const room = {{ owner: 'ann', admins: ['bob'] }};
      return {expression};
    }}"""
    assert await page.evaluate(script) == expected
