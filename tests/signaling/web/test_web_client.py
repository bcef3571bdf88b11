"""The browser library in a real Chromium, against a server that is played by the test.

Pages and modules come from the folder, the WebSocket ends in the test; there is no Tally server and no network. Media
is between two RTCPeerConnections of the same page. The library with the real server is a matter of tests/journeys.
"""

import json
import mimetypes
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Route, WebSocketRoute, async_playwright

WEB = Path(__file__).parents[3] / "signaling" / "web"
ORIGIN = "http://127.0.0.1:1"  # nothing listens there: every request is answered by the test

pytestmark = pytest.mark.slow

ROOM = {
    "room_id": "r1", "name": "A room", "owner": "ann", "created_at": 0, "cover": "",
    "seats": [
        {"index": 0, "userid": "ann", "name": "Ann", "connected": True},
        {"index": 1, "userid": None, "name": "", "connected": False},
    ],
    "audience_count": 0, "member_count": 1, "publications": [], "speakers": [],
    "self": {"userid": "ann", "name": "Ann", "role": "owner", "seat": 0, "connected": True},
}  # fmt: skip


class Server:
    """Plays the server: answers each request from `answers`, keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.sockets: list[WebSocketRoute] = []
        self.answers: dict[str, Any] = {
            "login": {"connection": "c1", "userid": "ann", "edition": {"name": "pro", "max_pixels": 921600}},
            "room.enter": ROOM,
        }

    def connected(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        socket.on_message(lambda text: self.receive(socket, json.loads(text)))

    def receive(self, socket: WebSocketRoute, request: dict[str, Any]) -> None:
        self.asked.append((request["method"], request["params"]))
        answer = self.answers.get(request["method"], {})
        kind = "error" if "code" in answer else "result"
        socket.send(json.dumps({"jsonrpc": "2.0", "id": request["id"], kind: answer}))

    def notify(self, method: str, params: dict[str, Any]) -> None:
        self.sockets[-1].send(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}))

    def methods(self) -> list[str]:
        return [method for method, _ in self.asked]


def refusal(code: int, name: str, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "data": {"name": name, "limit": 100}}


async def serve(route: Route) -> None:
    name = route.request.url.removeprefix(ORIGIN).removeprefix("/web/")
    file = WEB / name
    if file.is_file():
        await route.fulfill(path=file, content_type=mimetypes.guess_type(name)[0])
    else:
        await route.fulfill(body="<!doctype html><title>test</title>", content_type="text/html")


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def page(server: Server) -> AsyncIterator[Page]:
    args = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
            "--allow-loopback-in-peer-connection", "--disable-background-networking"]  # fmt: skip
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=args)
        page = await browser.new_page()
        await page.route("**/*", serve)
        await page.route_web_socket("**/ws", server.connected)
        await page.goto(f"{ORIGIN}/")
        yield page
        await browser.close()


CONNECT = """async () => {
  const { LiveClient } = await import('/web/live_client.js');
  const client = window.client = new LiveClient();
  window.events = [];
  for (const type of ['state', 'room-lost', 'seat.changed', 'error'])
    client.addEventListener(type, ({ detail }) => window.events.push(`${type}:${detail.state ?? ''}`));
  await client.connect({ url: 'ws://127.0.0.1:1/ws', sdkappid: 1, userid: 'ann', usersig: 'sig', name: 'Ann' });
}"""


async def until(page: Page, condition: str) -> None:
    """Waits in the page for an expression to become true."""
    script = f"""async () => {{
      for (let n = 0; n < 250 && !({condition}); n += 1) await new Promise((f) => setTimeout(f, 20));
      return Boolean({condition});
    }}"""
    assert await page.evaluate(script), condition


async def test_a_refusal_keeps_the_words_of_the_server(page: Page, server: Server) -> None:
    server.answers["room.enter"] = refusal(101011, "audience_full", "This room is full.")
    await page.evaluate(CONNECT)
    error = await page.evaluate(
        "client.enterRoom('r1').catch(({code, name, message, data}) => ({code, name, message, data}))"
    )
    assert error == {
        "code": 101011, "name": "audience_full", "message": "This room is full.",
        "data": {"name": "audience_full", "limit": 100},
    }  # fmt: skip
    assert await page.evaluate("client.room") is None


async def test_a_refused_login_is_thrown_and_not_tried_again(page: Page, server: Server) -> None:
    server.answers["login"] = refusal(70001, "usersig_expired", "The UserSig has expired.")
    assert await page.evaluate(f"({CONNECT})().catch((error) => error.name)") == "usersig_expired"
    assert await page.evaluate("client.state") == "closed"
    assert server.methods() == ["login"]


async def test_the_room_follows_notifications(page: Page, server: Server) -> None:
    await page.evaluate(CONNECT)
    await page.evaluate("client.enterRoom('r1')")
    assert await page.evaluate("[client.isOwner, client.isSeated]") == [True, True]
    server.notify("room.member_entered", {"member": {"userid": "bob"}, "audience_count": 1})
    server.notify("seat.changed", {"seats": [{**seat, "userid": None} for seat in ROOM["seats"]]})
    await until(page, "window.events.includes('seat.changed:')")
    counted = await page.evaluate("[client.room.audience_count, client.room.member_count, client.isSeated]")
    assert counted == [1, 2, False]


async def test_a_lost_connection_comes_back_with_login_and_room(page: Page, server: Server) -> None:
    await page.evaluate(CONNECT)
    await page.evaluate("client.enterRoom('r1')")
    await page.evaluate("client.receive({audio: true, video: false})")
    await server.sockets[-1].close()
    await until(page, "window.events.filter((event) => event === 'state:connected').length === 2")
    assert await page.evaluate("window.events") == [
        "state:connecting", "state:connected", "state:reconnecting", "state:connected",
    ]  # fmt: skip
    assert server.methods()[-3:] == ["login", "room.enter", "media.receive"]
    assert server.asked[-1][1] == {"audio": True, "video": False, "data": False}


async def test_a_room_that_is_gone_after_a_lost_connection_is_reported(page: Page, server: Server) -> None:
    await page.evaluate(CONNECT)
    await page.evaluate("client.enterRoom('r1')")
    server.answers["room.enter"] = refusal(100004, "no_such_room", "There is no such room.")
    await server.sockets[-1].close()
    await until(page, "client.state === 'connected' && window.events.includes('room-lost:')")
    assert await page.evaluate("client.room") is None


async def test_previews_come_back_after_a_lost_connection_and_end_before_a_room(page: Page, server: Server) -> None:
    await page.evaluate(CONNECT)
    await page.evaluate("Promise.all(['a', 'b', 'c'].map((id) => client.startPreview(id)))")
    server.answers["preview.start"] = refusal(100012, "too_many_previews", "You look into 4 rooms already.")
    assert await page.evaluate("client.startPreview('d').catch(({name}) => name)") == "too_many_previews"
    server.answers["preview.start"] = {}
    server.notify("preview.ended", {"room_id": "b", "reason": "dismissed"})
    await server.sockets[-1].close()
    await until(page, "window.events.filter((event) => event === 'state:connected').length === 2")
    assert server.asked[-2:] == [("preview.start", {"room_id": "a"}), ("preview.start", {"room_id": "c"})]

    await page.evaluate("client.stopPreview('a').then(() => client.stopPreview('a'))")
    await page.evaluate("client.enterRoom('r1')")
    assert server.asked[-3:] == [
        ("preview.stop", {"room_id": "a"}), ("preview.stop", {"room_id": "c"}), ("room.enter", {"room_id": "r1"}),
    ]  # fmt: skip


async def test_requests_on_the_way_fail_when_the_connection_is_lost(page: Page, server: Server) -> None:
    await page.evaluate(CONNECT)
    server.receive = lambda socket, request: None  # type: ignore[method-assign]
    await page.evaluate("window.outcome = client.usage().catch((error) => error.name); undefined")
    await server.sockets[-1].close()
    assert await page.evaluate("window.outcome") == "connection_lost"


# A sending side whose server is another connection of the page; `asked` is what it was asked for.
SENDING = """async (play) => {
  const { Sending } = await import('/web/sending.js');
  const asked = [];
  let peer = null;
  const request = async (method, params) => {
    asked.push([method, params]);
    if (method !== 'media.publish') return {};
    peer ??= new RTCPeerConnection();
    await peer.setRemoteDescription({ type: 'offer', sdp: params.sdp });
    await peer.setLocalDescription();
    const publications = Object.values(params.sources).map((source) => ({ publication_id: `p-${source}`, source }));
    return { sdp: peer.localDescription.sdp, publications };
  };
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  const [audio, video] = [media.getAudioTracks()[0], media.getVideoTracks()[0]];
  const sending = new Sending(request, () => {}, () => {});
  const forgetPeer = () => { peer = null; };
  return eval(play)({ sending, asked, audio, video, forgetPeer });
}"""


async def played(page: Page, script: str, play: str) -> Any:
    return await page.evaluate(script, play)


async def test_sources_are_named_by_mid_and_a_muted_track_is_told(page: Page) -> None:
    asked = await played(page, SENDING, """async ({ sending, asked, audio, video }) => {
      audio.enabled = false;
      await sending.publish(new Map([['microphone', audio], ['camera', video]]));
      return asked;
    }""")  # fmt: skip
    (publish, offer), mute = asked
    assert publish == "media.publish"
    assert sorted(offer["sources"].values()) == ["camera", "microphone"]
    assert all(f"a=mid:{mid}\r\n" in offer["sdp"] for mid in offer["sources"])
    assert offer["sdp"].count("a=sendonly") == 2
    assert mute == ["media.mute", {"publication_id": "p-microphone", "muted": True}]


async def test_a_source_that_ends_goes_inactive_and_another_device_asks_nobody(page: Page) -> None:
    asked = await played(page, SENDING, """async ({ sending, asked, audio, video }) => {
      await sending.publish(new Map([['microphone', audio], ['camera', video]]));
      await sending.replaceTrack('camera', video.clone());
      await sending.publish(new Map([['camera', null]]));
      await sending.publish(new Map([['microphone', null]]));
      return asked;
    }""")  # fmt: skip
    assert [method for method, _ in asked] == ["media.publish", "media.publish", "media.unpublish"]
    assert list(asked[1][1]["sources"].values()) == ["microphone"]
    assert "a=inactive" in asked[1][1]["sdp"]


async def test_publishing_again_is_a_new_connection_with_the_same_sources(page: Page) -> None:
    asked = await played(page, SENDING, """async ({ sending, asked, audio, video, forgetPeer }) => {
      await sending.publish(new Map([['microphone', audio], ['camera', video]]));
      forgetPeer();
      await sending.republish();
      return asked;
    }""")  # fmt: skip
    first, second = (params for _, params in asked)
    ufrag: Callable[[str], str] = lambda sdp: sdp.split("a=ice-ufrag:")[1].split("\r\n")[0]  # noqa: E731
    assert first["sources"] == second["sources"]
    assert ufrag(first["sdp"]) != ufrag(second["sdp"])


# A receiving side whose server is another connection of the page.
RECEIVING = """async (play) => {
  const { Receiving } = await import('/web/receiving.js');
  const log = [];
  let peer = null;
  let revision = 0;
  let answered = () => {};
  const request = async (method, params = {}) => {
    log.push(params.revision ? `${method} ${params.revision}` : method);
    if (method === 'media.answer') await peer.setRemoteDescription({ type: 'answer', sdp: params.sdp });
    answered();
    return {};
  };
  const noted = (sign) => (stream) => log.push(sign + stream.publication_id);
  const receiving = new Receiving(request, noted('+'), noted('-'));
  const camera = (await navigator.mediaDevices.getUserMedia({ video: true })).getVideoTracks()[0];
  const begin = () => {
    peer = new RTCPeerConnection();
    return peer.addTransceiver(camera, { direction: 'sendonly' });
  };
  const offer = async (id, section, fresh) => {
    await peer.setLocalDescription();
    while (peer.iceGatheringState !== 'complete') await new Promise((f) => setTimeout(f, 10));
    const stream = { publication_id: id, mid: section.mid, userid: 'bob', kind: 'video', source: 'camera' };
    const streams = id ? [stream] : [];
    const done = new Promise((f) => { answered = f; });
    receiving.offer({ revision: ++revision, sdp: peer.localDescription.sdp, streams, fresh });
    await done;
  };
  const hasPicture = async (id) => {
    const video = document.createElement('video');
    video.muted = true;
    video.srcObject = new MediaStream([receiving.streams.get(id).track]);
    await video.play();
    return video.videoWidth > 0;
  };
  return eval(play)({ receiving, log, camera, begin, offer, hasPicture });
}"""


async def test_a_section_that_is_used_again_brings_another_stream(page: Page) -> None:
    outcome = await played(page, RECEIVING, """async ({ log, camera, begin, offer, hasPicture }) => {
      const section = begin();
      await offer('p1', section, true);
      const pictures = [await hasPicture('p1')];
      section.direction = 'inactive';
      await offer(null, section, false);
      section.direction = 'sendonly';
      await offer('p2', section, false);
      return { log, pictures: [...pictures, await hasPicture('p2')] };
    }""")  # fmt: skip
    assert outcome["log"] == ["+p1", "media.answer 1", "-p1", "media.answer 2", "+p2", "media.answer 3"]
    assert outcome["pictures"] == [True, True]


async def test_a_fresh_offer_replaces_the_connection_and_a_stale_one_nothing(page: Page) -> None:
    log = await played(page, RECEIVING, """async ({ receiving, log, begin, offer }) => {
      await offer('p1', begin(), true);
      await receiving.offer({ revision: 1, sdp: 'old', streams: [], fresh: false });
      await offer('p1', begin(), true);
      return log;
    }""")  # fmt: skip
    assert log == ["+p1", "media.answer 1", "-p1", "+p1", "media.answer 2"]


async def test_an_offer_for_a_connection_that_was_given_up_is_ignored(page: Page) -> None:
    log = await played(page, RECEIVING, """async ({ receiving, log, begin, offer }) => {
      await offer('p1', begin(), true);
      receiving.stop();
      await receiving.offer({ revision: 2, sdp: 'late', streams: [], fresh: false });
      return { log, connection: receiving.connection };
    }""")  # fmt: skip
    assert log == {"log": ["+p1", "media.answer 1", "-p1"], "connection": None}


async def test_an_offer_that_cannot_be_used_asks_for_a_fresh_one(page: Page) -> None:
    log = await played(page, RECEIVING, """async ({ receiving, log }) => {
      await receiving.offer({ revision: 1, sdp: 'nonsense', streams: [], fresh: true });
      return log;
    }""")  # fmt: skip
    assert log == ["media.reset"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(await import('/web/usage.js')).usageInWords({audio: 0, sd: 0, hd: 200, fhd: 0, '2k': 3605, '4k': 0})",
         "3 min 20 s HD, 1 h 5 s 2K"),
        ("(await import('/web/usage.js')).usageInWords({audio: 0})", ""),
        ("[0, 1, 9].map((n) => m.delayBefore(n, () => 0))", [500, 1000, 10000]),
        ("[0, 1, 9].map((n) => m.delayBefore(n, () => 1))", [500, 500, 5000]),
        ("(await import('/web/quality.js')).grade({lossRatio: 0, rtt: null})", 4),
        ("(await import('/web/quality.js')).grade({lossRatio: 0.04, rtt: 0.1})", 3),
        ("(await import('/web/quality.js')).grade({lossRatio: 0, rtt: 2})", 1),
    ],
)  # fmt: skip
async def test_figures(page: Page, expression: str, expected: Any) -> None:
    script = f"async () => {{ const m = await import('/web/backoff.js'); return {expression}; }}"
    assert await page.evaluate(script) == expected


async def test_admins_and_rules_of_a_room_follow_notifications(page: Page, server: Server) -> None:
    room: dict[str, Any] = {**ROOM, "admins": [], "notice": "", "seat_mode": "free", "message_disabled": False}
    room["self"] = {**room["self"], "userid": "bob", "role": "audience", "seat": None}
    server.answers["room.enter"] = room
    await page.evaluate(CONNECT)
    await page.evaluate("client.enterRoom('r1')")
    assert await page.evaluate("client.isHost") is False
    server.notify("room.admins", {"admins": ["bob"], "userid": "bob", "by": "ann"})
    server.notify("room.updated", {"notice": "Be kind.", "seat_mode": "apply", "by": "ann"})
    await until(page, "client.room.seat_mode === 'apply'")
    facts = await page.evaluate("[client.isHost, client.isOwner, client.room.notice, 'by' in client.room]")
    assert facts == [True, False, "Be kind.", False]
    server.notify("room.admins", {"admins": [], "userid": "bob", "by": "ann"})
    await until(page, "!client.isHost")


async def test_each_message_is_shown_once_and_in_order(page: Page) -> None:
    batches = await page.evaluate("""async () => {
      const { MessageFeed } = await import('/web/message_feed.js');
      const batches = [];
      const feed = new MessageFeed((messages) => batches.push(messages.map(({ sequence }) => sequence)), 50);
      const add = (...numbers) => feed.add(numbers.map((sequence) => ({ sequence })));
      const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
      add(2);
      add(1, 2);
      await wait(100);
      add(2, 1);
      add(4, 3);
      add(...Array.from({ length: 600 }, (_, index) => index + 4));
      await wait(100);
      return [batches[0], batches.length, batches[1].length, batches[1][0], batches[1].at(-1)];
    }""")
    assert batches == [[1, 2], 2, 500, 104, 603]


async def test_the_first_like_is_sent_at_once_and_the_next_ones_together(page: Page) -> None:
    sent = await page.evaluate("""async () => {
      const { LikeCounter } = await import('/web/like_counter.js');
      const sent = [];
      const counter = new LikeCounter((count) => { sent.push(count); }, 60);
      const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
      for (let n = 0; n < 4; n += 1) counter.tap();
      const atOnce = [...sent];
      await wait(200);
      counter.tap();
      return [atOnce, sent];
    }""")
    assert sent == [[1], [1, 3, 1]]


async def test_a_gift_that_got_no_answer_is_sent_again_with_the_same_id(page: Page) -> None:
    outcome = await page.evaluate("""async () => {
      const { makeId, sendUntilAnswered } = await import('/web/send_once.js');
      const tried = async (...answers) => {
        let count = 0;
        const send = async () => {
          const name = answers[count++];
          if (name !== 'fine') throw Object.assign(new Error(), { name });
          return name;
        };
        return [await sendUntilAnswered(send, async () => {}).catch((error) => error.name), count];
      };
      const id = makeId();
      return [
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id), id !== makeId(),
        await tried('timeout', 'fine'), await tried('no_such_gift'), await tried('timeout', 'timeout', 'timeout'),
        await tried('gift_unanswered', 'timeout', 'fine'),
      ];
    }""")
    assert outcome == [True, True, ["fine", 2], ["no_such_gift", 1], ["timeout", 3], ["fine", 3]]


async def test_who_gives_the_same_again_after_silence_means_the_same(page: Page) -> None:
    same = await page.evaluate("""async () => {
      const { SendIds } = await import('/web/send_once.js');
      const ids = new SendIds();
      const give = async (what, name, now) => {
        let used;
        await ids.send(what, async (id) => {
          used = id;
          if (name !== 'fine') throw Object.assign(new Error(), { name });
        }, now).catch(() => {});
        return used;
      };
      const given = [
        await give('rose', 'gift_unanswered', 0), await give('rose', 'connection_lost', 1000),
        await give('rose', 'fine', 2000), await give('rose', 'gift_refused', 3000), await give('rose', 'timeout', 4000),
        await give('lily', 'timeout', 5000), await give('lily', 'timeout', 65_000),
      ];
      return given.map((id) => given.indexOf(id));
    }""")
    assert same == [0, 0, 0, 3, 4, 5, 6]


async def test_one_sending_of_a_gift_keeps_its_id(page: Page, server: Server) -> None:
    server.answers["gift.send"] = {"send_id": "s", "gift_id": "rose", "count": 2, "coins": 10, "number": 1}
    await page.evaluate(CONNECT)
    await page.evaluate("client.sendGift({gift_id: 'rose', count: 2})")
    method, params = server.asked[-1]
    assert method == "gift.send"
    assert len(params.pop("send_id")) == 36
    assert params == {"gift_id": "rose", "count": 2, "receivers": []}
