/**
 * LiveClient: the reference client of Tally's member protocol, and all a page needs to take part in a live.
 *
 *     const client = new LiveClient();
 *     await client.connect({ url: 'wss://example.org/ws', sdkappid, userid, usersig, name: 'Ann' });
 *     client.addEventListener('stream-added', ({ detail: stream }) => show(stream.track, stream.userid));
 *     await client.enterRoom('a-room');
 *     await client.takeSeat();
 *     await client.publish({ audio: microphoneTrack, video: cameraTrack });
 *
 * What it does by itself: ids and time-outs of requests; coming back after a lost connection, with login, room and seat;
 * the two RTCPeerConnections of a member; keeping `room` up to date; quality figures once a second.
 *
 * What it is not: it opens no device (devices.js does), shows nothing, and holds no rule of the house: what may happen is
 * the server's decision, and its refusals come through as `LiveError` with the server's own sentence.
 *
 * The parts: rpc.js (one WebSocket), sending.js and receiving.js (one RTCPeerConnection each), room_state.js and
 * alliance_state.js (what a notification changes), alliances.js (links and battles, as `client.alliances`), previews.js
 * (looking into rooms), social.js (methods for profiles, follows and search), send_once.js (what must count once),
 * server_clock.js, quality.js (figures), backoff.js (waiting), errors.js. The protocol itself is described in
 * signaling/README.md.
 *
 * Events are CustomEvents with the facts in `detail`. Every notification of the protocol is one, under its own name
 * (`seat.changed`, `publication.blocked` ...), with `params` as its detail and `room` already up to date. Besides:
 *
 * | event | detail |
 * |---|---|
 * | `state` | `{state, error?}`: `connecting`, `connected`, `reconnecting` or `closed` |
 * | `room` | the Room, whenever anything in it has changed; null once it is left or gone |
 * | `room-lost` | `{error}`: the room could not be entered again after a lost connection |
 * | `published` | `{publications}`: the server has accepted these |
 * | `stream-added`, `stream-removed` | `{publication_id, room_id, userid, kind, source, mid, track}` |
 * | `data` | `{userid, publication_id, data}`: a message came, as a Uint8Array |
 * | `quality` | see `quality()` |
 * | `error` | a LiveError from work that nobody awaits, such as publishing again after a failure |
 */

import { Alliances } from './alliances.js';
import { delayBefore, pause } from './backoff.js';
import { LiveError } from './errors.js';
import { Previews } from './previews.js';
import { QualityMeter } from './quality.js';
import { Receiving } from './receiving.js';
import { applyNotification, withPublications, withSeats } from './room_state.js';
import { RpcConnection } from './rpc.js';
import { makeId, sendUntilAnswered } from './send_once.js';
import { Sending } from './sending.js';
import { ServerClock } from './server_clock.js';
import { social } from './social.js';

export { LiveError } from './errors.js';
export { listDevices, openCamera, openCameraAndMicrophone, openMicrophone, openScreen } from './devices.js';

const QUALITY_EVERY_MS = 1000;

/** What a member receives in the beginning. */
const WANTS = { audio: true, video: true, data: false };

/** A sending side that ends is not published again more often than this. */
const REPUBLISH_EVERY_MS = 5000;

const SOURCE_OF = { audio: 'microphone', video: 'camera', screen: 'screen' };

/** Notifications after which this member is in no room any more. */
const ENDS_THE_STAY = new Set(['room.dismissed', 'room.kicked']);

export class LiveClient extends EventTarget {
  /** @type {'idle'|'connecting'|'connected'|'reconnecting'|'closed'} */
  state = 'idle';

  /** The user id the server knows this member by; null before login. */
  userid = null;

  /** The edition of the app as `login` told it: `{name, expires_at, features, limits, max_pixels}`. */
  edition = null;

  /** The Room this member is in, kept up to date; null outside. Treat it as read-only. */
  room = null;

  /** What rooms ask of each other: links and battles. */
  alliances = new Alliances((method, params) => this.#ask(method, params));

  #clock = new ServerClock();
  #login = null;
  #rpc = null;
  #request = (method, params) => this.#ask(method, params);
  #sending;
  #receiving;
  #previews = new Previews(this.#request);
  #wants = { ...WANTS };
  #meters = { up: new QualityMeter('up'), down: new QualityMeter('down') };
  #quality = null;
  #ticking = null;
  #republishedAt = -Infinity;
  #stopped = new AbortController();

  constructor() {
    super();
    this.#sending = new Sending(
      this.#request, (publications) => this.#published(publications), () => this.#sendingEnded());
    this.#receiving = new Receiving(
      this.#request, (stream) => this.#emit('stream-added', stream), (stream) => this.#emit('stream-removed', stream),
      (id, data) => this.#heard(id, data));
  }

  /** What comes in. @returns {Map<string, import('./receiving.js').Stream>} by publication_id */
  get streams() {
    return this.#receiving.streams;
  }

  /** Whether this member sits on a seat, and so may publish. */
  get isSeated() {
    return this.room !== null && this.room.self.seat !== null;
  }

  /** Whether this member owns the room it is in. */
  get isOwner() {
    return this.room?.self.role === 'owner';
  }

  /** Whether this member is the owner or one of its admins. */
  get isHost() {
    return this.isOwner || this.room?.self.role === 'admin';
  }

  /** The server's clock in Unix seconds: what the times in notifications are of. */
  now() {
    return this.#clock.at(Date.now() / 1000);
  }

  // ---- The connection --------------------------------------------------------------------------------------------

  /**
   * Connects and logs in. From then on a lost connection is restored by itself until `close()`; a first attempt that
   * fails is thrown instead.
   * @param {object} login
   * @param {string} login.url  the WebSocket, such as `wss://example.org/ws`
   * @param {number} login.sdkappid
   * @param {string} login.userid
   * @param {string} login.usersig
   * @param {string} [login.name]  shown to others
   * @returns {Promise<object>} the edition
   */
  async connect({ url, sdkappid, userid, usersig, name }) {
    this.close();
    this.#stopped = new AbortController();
    this.#login = { url, params: { sdkappid, userid, usersig, name } };
    this.#setState('connecting');
    try {
      await this.#open();
    } catch (error) {
      this.#shut(error);
      throw error;
    }
    this.#setState('connected');
    globalThis.addEventListener('pagehide', this.#hide);
    this.#ticking = setInterval(() => this.#tick(), QUALITY_EVERY_MS);
    return this.edition;
  }

  /** Ends everything: both media connections and the socket. The stay in the room ends by the server's grace time. */
  close() {
    if (this.state !== 'idle' && this.state !== 'closed') this.#shut();
  }

  /** Any request of the protocol, such as one that has no method here. @returns {Promise<object>} its result */
  request(method, params) {
    return this.#ask(method, params);
  }

  // ---- Rooms -----------------------------------------------------------------------------------------------------

  /**
   * Creates a room, enters it and sits on seat 0.
   * @param {{room_id?: string, name?: string, seats?: number, cover?: string, seat_mode?: 'free'|'apply'}} [options]
   * @returns {Promise<object>} Room
   */
  async createRoom(options = {}) {
    this.#stopPreviews();
    return this.#setRoom(await this.#ask('room.create', options));
  }

  /**
   * One page of the live rooms, those with the largest audience first.
   * @param {{cursor?: string, count?: number, category?: number, followed?: boolean}} [page]
   * @returns {Promise<{rooms: object[], cursor: string}>}
   */
  listRooms(page = {}) {
    return this.#ask('room.list', page);
  }

  /**
   * @param {string} room_id
   * @returns {Promise<object>} Room
   */
  async enterRoom(room_id) {
    this.#stopPreviews();
    return this.#setRoom(await this.#ask('room.enter', { room_id }));
  }

  /**
   * Looks into a room from outside: its owner's camera comes in as a stream, silent and small. It ends by `stopPreview`,
   * when a room is entered, and by `preview.ended`.
   * @param {string} room_id
   */
  async startPreview(room_id) {
    await this.#previews.start(room_id);
  }

  /** @param {string} room_id */
  async stopPreview(room_id) {
    await this.#previews.stop(room_id);
  }

  /** Leaves the room; its owner must `dismissRoom()` instead. */
  async leaveRoom() {
    await this.#ask('room.leave');
    this.#setRoom(null);
  }

  /** Ends the room for everyone; owner only. */
  async dismissRoom() {
    await this.#ask('room.dismiss');
    this.#setRoom(null);
  }

  /** Sends a member out of the room; hosts only, as all that follows here. */
  async kickFromRoom(userid) {
    await this.#ask('room.kick', { userid });
  }

  /**
   * Changes what the room says of itself; what is left out stays.
   * @param {{name?: string, cover?: string, notice?: string, category?: number[], is_public?: boolean,
   *   message_disabled?: boolean, seat_mode?: 'free'|'apply'}} changes
   */
  async updateRoom(changes) {
    await this.#ask('room.update', changes);
  }

  /** Makes a member an admin, or no longer; owner only. */
  async setAdmin(userid, admin) {
    await this.#ask('room.admin', { userid, admin });
  }

  /** Keeps a member from writing for so long; 0 lifts it. */
  async muteMember(userid, seconds) {
    await this.#ask('room.mute', { userid, seconds });
  }

  /** Puts a member out and keeps it out for so long; 0 lifts it. */
  async banMember(userid, seconds) {
    await this.#ask('room.ban', { userid, seconds });
  }

  /**
   * Figures of the room since it began.
   * @returns {Promise<{total_viewers: number, total_gifts_sent: number, total_gift_coins: number,
   *   total_unique_gift_senders: number, total_likes_received: number, total_msg_count: number, peak_audience: number}>}
   */
  statistic() {
    return this.#ask('room.statistic');
  }

  /** @param {string[]} [keys]  absent: all @returns {Promise<{metadata: Record<string, string>, version: number}>} */
  metadata(keys) {
    return this.#ask('room.metadata', keys === undefined ? {} : { keys });
  }

  /** @param {Record<string, string>} metadata  keys that are not named stay */
  async setMetadata(metadata) {
    await this.#ask('room.set_metadata', { metadata });
  }

  /** @param {string[]} keys */
  async deleteMetadata(keys) {
    await this.#ask('room.delete_metadata', { keys });
  }

  /**
   * One page of the audience.
   * @param {{cursor?: string, count?: number}} [page]
   * @returns {Promise<{members: object[], cursor: string, count: number}>}
   */
  listAudience(page = {}) {
    return this.#ask('audience.list', page);
  }

  // ---- Seats -----------------------------------------------------------------------------------------------------

  /**
   * @param {number} [index]  absent: any free seat
   * @returns {Promise<object[]>} the seats
   */
  async takeSeat(index) {
    return this.#setSeats(await this.#ask('seat.take', index === undefined ? {} : { index }));
  }

  /** Gives the seat back; whatever is being published ends. @returns {Promise<object[]>} the seats */
  async leaveSeat() {
    return this.#setSeats(await this.#ask('seat.leave'));
  }

  /** Takes a member off its seat; hosts only. @returns {Promise<object[]>} the seats */
  async kickFromSeat(userid) {
    return this.#setSeats(await this.#ask('seat.kick', { userid }));
  }

  /**
   * Sets what may not happen on a seat: somebody sitting there, being heard, being seen. Hosts only.
   * @param {number} index
   * @param {{locked?: boolean, audio?: boolean, video?: boolean}} locks  what is left out is open
   * @returns {Promise<object[]>} the seats
   */
  async lockSeat(index, { locked = false, audio = false, video = false }) {
    return this.#setSeats(await this.#ask('seat.lock', { index, locked, audio, video }));
  }

  /**
   * Moves to another seat, or as a host moves somebody else.
   * @param {number} index
   * @param {{userid?: string, policy?: 'abort_when_occupied'|'force_replace'|'swap_position'}} [how]
   * @returns {Promise<object[]>} the seats
   */
  async moveSeat(index, how = {}) {
    return this.#setSeats(await this.#ask('seat.move', { index, ...how }));
  }

  /**
   * Asks the hosts for a seat. How it ends comes as `seat.request_ended`.
   * @param {{index?: number, timeout_s?: number, extra?: string}} [options]
   * @returns {Promise<object>} SeatRequest
   */
  applyForSeat(options = {}) {
    return this.#ask('seat.apply', options);
  }

  /**
   * Offers a member a seat; hosts only.
   * @param {string} userid
   * @param {{index?: number, timeout_s?: number, extra?: string}} [options]
   * @returns {Promise<object>} SeatRequest
   */
  inviteToSeat(userid, options = {}) {
    return this.#ask('seat.invite', { userid, ...options });
  }

  /** Answers an application (hosts) or an invitation (the invited). @returns {Promise<object[]>} the seats */
  async answerSeatRequest(request_id, accept) {
    return this.#setSeats(await this.#ask('seat.answer', { request_id, accept }));
  }

  /** Takes back one's own application, or as a host an invitation. */
  async cancelSeatRequest(request_id) {
    await this.#ask('seat.cancel', { request_id });
  }

  /** What is pending: all for hosts, otherwise one's own. @returns {Promise<{requests: object[]}>} */
  seatRequests() {
    return this.#ask('seat.requests');
  }

  // ---- What is said and given --------------------------------------------------------------------------------------

  /**
   * Says something to everybody in the room. It comes back as `barrage.messages` too, with the same `sequence`.
   * @param {string} text  at most 1000 bytes of UTF-8
   * @param {string} [extension]  for programs
   * @returns {Promise<object>} Message
   */
  sendText(text, extension = '') {
    return this.#ask('barrage.send', { text, extension });
  }

  /** The same for programs. @returns {Promise<object>} Message */
  sendCustom(business_id, data) {
    return this.#ask('barrage.custom', { business_id, data });
  }

  /** What was said last, oldest first. @returns {Promise<{messages: object[]}>} */
  recentMessages() {
    return this.#ask('barrage.recent');
  }

  /** @param {number} count  1 to 1000, at most two calls a second @returns {Promise<{total: number}>} */
  sendLikes(count) {
    return this.#ask('like.send', { count });
  }

  /** What can be given here. @param {string} [language] @returns {Promise<{gifts: object[], categories: object[]}>} */
  listGifts(language = '') {
    return this.#ask('gift.list', { language });
  }

  /**
   * Gives something. After a time-out, or when the app's own server did not answer, it is tried again with the same id,
   * so that it counts and is paid once. Whoever tries again after that gives the same `send_id`.
   * @param {{gift_id: string, count?: number, receivers?: string[], send_id?: string}} gift
   * @returns {Promise<{send_id: string, gift_id: string, count: number, coins: number, number: number}>}
   */
  sendGift({ gift_id, count = 1, receivers = [], send_id = makeId() }) {
    return sendUntilAnswered(
      () => this.#ask('gift.send', { gift_id, count, send_id, receivers }),
      (attempt) => pause(delayBefore(attempt), this.#stopped.signal));
  }

  // ---- Sending ---------------------------------------------------------------------------------------------------

  /**
   * Sends these tracks; needs a seat. A track replaces what its key sent before, null ends it, an absent key changes
   * nothing. A track with `enabled = false` is published muted.
   * @param {object} tracks
   * @param {MediaStreamTrack|null} [tracks.audio]  microphone
   * @param {MediaStreamTrack|null} [tracks.video]  camera
   * @param {MediaStreamTrack|null} [tracks.screen]
   * @param {object} [options]
   * @param {number} [options.maxBitrate]  bit/s for each picture, 1,500,000 by default
   * @returns {Promise<object[]>} Publications
   */
  publish(tracks, { maxBitrate } = {}) {
    const wanted = Object.entries(tracks).filter(([, track]) => track !== undefined);
    return this.#sending.publish(new Map(wanted.map(([key, track]) => [SOURCE_OF[key], track])), maxBitrate);
  }

  /** Stops sending. The tracks stay alive; stopping them is for whoever opened them. */
  async unpublish() {
    await this.#sending.unpublish();
  }

  /**
   * Another device for something that is being sent, without a word to the server.
   * @param {'audio'|'video'|'screen'} key
   * @param {MediaStreamTrack} track
   */
  async replaceTrack(key, track) {
    await this.#sending.replaceTrack(SOURCE_OF[key], track);
  }

  /**
   * Silences the microphone or blackens a picture, and tells the room.
   * @param {'audio'|'video'|'screen'} key
   * @param {boolean} muted
   */
  async mute(key, muted) {
    await this.#sending.mute(SOURCE_OF[key], muted);
  }

  /** The accepted Publication of a key, or undefined. @param {'audio'|'video'|'screen'} key */
  publicationOf(key) {
    return this.#sending.publicationOf(SOURCE_OF[key]);
  }

  // ---- Receiving -------------------------------------------------------------------------------------------------

  /**
   * What this member wants to receive: sound and pictures in the beginning, no messages. Remembered over lost connections.
   * @param {{audio?: boolean, video?: boolean, data?: boolean}} wants  what is not named stays as it is
   */
  async receive(wants) {
    const all = { ...this.#wants, ...wants };
    this.#receiving.wantsData = all.data;
    await this.#ask('media.receive', all);
    this.#wants = all;
  }

  /**
   * Sends a message to all in the room who receive messages: with low delay, in no order, and if the network is bad,
   * never. Needs something that is being published.
   * @param {string|Uint8Array} message  at most 16 KiB
   */
  sendData(message) {
    return this.#sending.sendData(message);
  }

  /**
   * Tells the server how large a picture is shown, in device pixels, 0 x 0 for not at all: it sends nothing larger than
   * fills that, and a smaller picture costs fewer minutes.
   * @param {string} publication_id
   * @param {number} width
   * @param {number} height
   */
  async showAt(publication_id, width, height) {
    await this.#ask('media.show', { publication_id, width: Math.round(width), height: Math.round(height) });
  }

  /** Asks for a new receiving connection. Done by itself when the old one fails. */
  resetReceiving() {
    return this.#receiving.reset();
  }

  // ---- Figures ---------------------------------------------------------------------------------------------------

  /** Seconds of this stay by tier. @returns {Promise<{seconds: Record<string, number>}>} */
  usage() {
    return this.#ask('usage.mine');
  }

  /**
   * The latest figures, null before the first. `up` and `down` are null without a connection that way; `streams` has the
   * figures of each received publication.
   * @returns {{score: number, up: import('./quality.js').Flow|null, down: import('./quality.js').Flow|null,
   *   streams: Map<string, import('./quality.js').Flow>}|null}
   */
  quality() {
    return this.#quality;
  }

  // ---- Inside: connection ----------------------------------------------------------------------------------------

  /** `pc.close()` is the only sign of leaving that reaches the server at once. */
  #hide = () => this.close();

  async #open() {
    this.#rpc = new RpcConnection(
      this.#login.url, (method, params) => this.#notified(method, params), () => this.#lost());
    await this.#rpc.opened;
    const asked = Date.now() / 1000;
    const { userid, edition, now } = await this.#ask('login', this.#login.params);
    this.#clock.read(now, asked, Date.now() / 1000);
    this.userid = userid;
    this.edition = edition;
  }

  #ask(method, params) {
    return this.#rpc ? this.#rpc.request(method, params) : Promise.reject(LiveError.local('closed'));
  }

  /** The socket ended under us. While connecting, the one who is connecting hears of it by itself. */
  #lost() {
    if (this.state === 'connected') this.#reconnect();
  }

  async #reconnect() {
    const { signal } = this.#stopped;
    this.#setState('reconnecting');
    for (let attempt = 0; ; attempt += 1) {
      await pause(delayBefore(attempt), signal);
      if (signal.aborted) return;
      try {
        await this.#open();
        await this.#resume();
        if (!this.#rpc.isOpen) throw LiveError.local('connection_lost');
        return this.#setState('connected');
      } catch (error) {
        if (signal.aborted) return;
        this.#rpc.close();
        if (!error.isNetwork) return this.#shut(error);
      }
    }
  }

  /** Goes back to where we were. A room that does not take us back is lost; the connection is not. */
  async #resume() {
    if (!this.room) {
      this.#receiving.stop();
      return this.#previews.resume();
    }
    let room;
    try {
      room = await this.#ask('room.enter', { room_id: this.room.room_id });
    } catch (error) {
      if (error.isNetwork) throw error;
      this.#setRoom(null);
      return this.#emit('room-lost', { error });
    }
    this.#setRoom(room);
    await this.#resumeReceiving();
    if (!this.#stillSends(room)) await this.#republish();
  }

  async #resumeReceiving() {
    if (Object.keys(WANTS).some((kind) => this.#wants[kind] !== WANTS[kind])) {
      await this.#ask('media.receive', this.#wants);
    }
    if (this.#receiving.isBroken) await this.#receiving.reset();
  }

  /** Whether the server has kept what we sent before the connection was lost, and it still flows. */
  #stillSends(room) {
    if (!this.#sending.isActive) return true;
    const kept = new Set(room.publications.map((publication) => publication.publication_id));
    const mine = Object.keys(SOURCE_OF).map((key) => this.publicationOf(key)).filter(Boolean);
    const isAlive = this.#sending.connection && this.#sending.connection.connectionState !== 'failed';
    return Boolean(isAlive) && mine.length > 0 && mine.every((publication) => kept.has(publication.publication_id));
  }

  #shut(error) {
    this.#stopped.abort();
    clearInterval(this.#ticking);
    globalThis.removeEventListener('pagehide', this.#hide);
    this.#setRoom(null);
    this.#previews.clear();
    this.#receiving.stop();
    this.#rpc?.close();
    this.#rpc = null;
    this.#setState('closed', error);
  }

  #setState(state, error) {
    this.state = state;
    this.#emit('state', { state, error });
  }

  // ---- Inside: the room ------------------------------------------------------------------------------------------

  #notified(method, params) {
    if (method === 'media.offer') this.#receiving.offer(params);
    if (method === 'media.layers') this.#sending.setLayers(params);
    if (method === 'media.closed') this.#mediaClosed(params);
    if (method === 'preview.ended') this.#previews.ended(params.room_id);
    if (ENDS_THE_STAY.has(method)) this.#setRoom(null);
    else if (this.room) this.#setRoom(applyNotification(this.room, method, params));
    this.#emit(method, params);
  }

  #setSeats({ seats }) {
    if (this.room) this.#setRoom(withSeats(this.room, seats));
    return seats;
  }

  /** Every change of the room passes here: without a seat nothing is sent, without a room nothing is received. */
  #setRoom(room) {
    if (room === this.room) return room;
    this.room = room;
    if (!this.isSeated) this.#sending.stop();
    if (!room) {
      this.#receiving.stop();
      this.#wants = { ...WANTS };
      this.#receiving.wantsData = false;
    }
    this.#emit('room', room);
    return room;
  }

  /** Outside of a room, what comes in are previews; inside, the server begins with a connection of its own. */
  #stopPreviews() {
    if (this.room) return;
    this.#previews.stopAll();
    this.#receiving.stop();
  }

  // ---- Inside: media ---------------------------------------------------------------------------------------------

  #heard(id, data) {
    const publication = this.room?.publications.find((candidate) => candidate.publication_id === id);
    if (publication && publication.userid !== this.userid) {
      this.#emit('data', { userid: publication.userid, publication_id: id, data });
    }
  }

  #published(publications) {
    if (this.room) this.#setRoom(withPublications(this.room, publications));
    this.#emit('published', { publications });
  }

  #mediaClosed({ direction }) {
    if (direction === 'up') this.#sendingEnded();
    else if ((this.room || this.#previews.rooms.size > 0) && this.state === 'connected') this.#receiving.reset();
  }

  /**
   * The sending connection failed or was closed by the server. While reconnecting, `#resume` sees to it; and if it was
   * renewed a moment ago, the connection is not what is wrong.
   */
  #sendingEnded() {
    const isRecent = performance.now() - this.#republishedAt < REPUBLISH_EVERY_MS;
    if (this.state === 'connected' && !isRecent) this.#republish();
  }

  async #republish() {
    if (!this.isSeated || !this.#sending.isActive) return;
    this.#republishedAt = performance.now();
    try {
      await this.#sending.republish();
    } catch (error) {
      this.#emit('error', error);
    }
  }

  async #tick() {
    const { up, down } = this.#meters;
    const [sent, got] = await Promise.all([
      up.sample(this.#sending.connection), down.sample(this.#receiving.connection)]);
    const streams = new Map([...this.streams].map(([id, { mid }]) => [id, got.byMid.get(mid)]).filter(([, flow]) => flow));
    const scores = [sent.flow, got.flow].filter(Boolean).map((flow) => flow.score);
    const score = this.state === 'connected' ? Math.min(4, ...scores) : 0;
    this.#quality = { score, up: sent.flow, down: got.flow, streams };
    this.#emit('quality', this.#quality);
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

Object.assign(LiveClient.prototype, social);
