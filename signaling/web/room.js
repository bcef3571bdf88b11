/**
 * The room page: it joins the room of its address (or creates it, with `?host=1`), and connects the parts of the page to
 * the client. The parts: stage.js (pictures and sound), people.js (lists), own_media.js (camera and microphone), chat.js,
 * likes.js, gifts.js, seat_requests.js (seats that are applied for and offered), host_tools.js (what hosts may do),
 * co_hosts.js and battle_desk.js (what hosts do with other rooms), battle_bar.js (what everybody sees of it), layout.js.
 */

import { BattleBar } from './battle_bar.js';
import { BattleDesk } from './battle_desk.js';
import { BeautyPanel } from './beauty_panel.js';
import { CallCards } from './call_cards.js';
import { Chat } from './chat.js';
import { CoHosts } from './co_hosts.js';
import { startCountdowns } from './countdown.js';
import { byId, fill, guarded, setToggle, toast, toastError } from './dom.js';
import { announceLives } from './follow_button.js';
import { Gifts } from './gifts.js';
import { HostHeader } from './host_header.js';
import { HostTools } from './host_tools.js';
import { signIn } from './identity.js';
import { Layout } from './layout.js';
import { Likes } from './likes.js';
import { LiveClient } from './live_client.js';
import { closeMenu } from './menu.js';
import { Names } from './names.js';
import { OwnMedia } from './own_media.js';
import { AudienceList, showSeats } from './people.js';
import { ProfileDialog } from './profile.js';
import { SeatRequests } from './seat_requests.js';
import { Stage, drawBars } from './stage.js';
import { usageInWords } from './usage.js';
import { say, sayOr } from './words.js';

const USAGE_EVERY_MS = 5000;

const CHANGES_THE_AUDIENCE = [
  'room.member_entered', 'room.member_left', 'room.member_dropped', 'room.member_returned', 'seat.changed',
  'room.admins',
];

const roomId = decodeURIComponent(location.pathname.split('/')[2] ?? '');
const isHosting = new URLSearchParams(location.search).has('host');

const client = new LiveClient();
const media = new OwnMedia(client, showOwnTrack);
const beauty = new BeautyPanel();
const names = new Names();
const tools = new HostTools(client, confirmed);
const profiles = new ProfileDialog(client, (profile) => hostHeader.changed(profile));
const hostHeader = new HostHeader(client, profiles);
const audience = new AudienceList(client, (member) => [profiles.menuItem(member.userid), ...tools.memberItems(member)], names);
const requests = new SeatRequests(client, names, givenSeat);
const gifts = new Gifts(client);
const likes = new Likes(client);
const cards = new CallCards();
const coHosts = new CoHosts(client, cards, confirmed);
const battles = new BattleDesk(client, cards, confirmed);
const battleBar = new BattleBar((standings) => stage.showStandings(standings));
const layout = new Layout(client, roomId, (chosen) => stage?.setLayout(chosen));
const stopCountdowns = startCountdowns(() => client.now());
const chat = new Chat((text) => client.sendText(text), (id) => gifts.nameOf(id));
let stage = null;
let wantsVideo = true;
let isMine = false;
let awaitsSeat = false;
let isOver = false;

// ---- Joining -------------------------------------------------------------------------------------------------------

async function start() {
  prepare();
  try {
    const name = await signIn(client, byId('sign-in'));
    document.body.dataset.userid = client.userid;
    if (client.hasFeature('follow')) announceLives(client);
    // A size that is told too late, after the picture or the connection is gone, is of no interest.
    stage = new Stage(client.userid, (id, width, height) => client.showAt(id, width, height).catch(() => {}));
    layout.show();
    beauty.show(client.edition.features, (levels) => media.beautify(levels));
    media.beautify(beauty.levels);
    await (isHosting ? host(name) : client.enterRoom(roomId));
    byId('controls').hidden = false;
    byId('live-badge').hidden = false;
    await Promise.all([client.isSeated && goOnStage(), catchUp(), audience.refreshNow()]);
    showUsageForEver();
  } catch (error) {
    end('refused_title', error.code === undefined ? say('something_failed') : error.message, { canRetry: true });
    if (error.code === undefined) console.error(error);
  }
}

/** Creates the room with the devices already open. A room that is there already is one's own after a reload. */
async function host(name) {
  await media.open();
  try {
    await client.createRoom({ room_id: roomId, name: say('room_of', { name }) });
  } catch (error) {
    if (error.name !== 'room_exists') throw error;
    await client.enterRoom(roomId);
    if (!client.isSeated) media.stop();
  }
}

/** What no notification brings: what was before one came in, or while the connection was lost. */
async function catchUp() {
  await quietly(gifts.load());
  await Promise.all([
    quietly(client.recentMessages().then(({ messages }) => hear(messages))),
    quietly(client.statistic().then((figures) => likes.setTotal(figures.total_likes_received))),
    quietly(requests.refresh()),
    quietly(coHosts.refresh().then(showAlliances)),
    quietly(layout.refresh()),
  ]);
}

/** A lost connection shows by itself, and what was asked for is asked for again when it is back. */
async function quietly(asking) {
  try {
    await asking;
  } catch (error) {
    if (!error.isNetwork && !isOver) toastError(error);
  }
}

async function goOnStage() {
  try {
    if (!media.tracks.audio && !media.tracks.video) await media.open();
    await media.publish();
  } catch (error) {
    toastError(error);
  }
}

// ---- What the client tells -----------------------------------------------------------------------------------------

function listen() {
  const on = (event, listener) => client.addEventListener(event, ({ detail }) => listener(detail));
  on('room', (room) => { if (room) showRoom(room); });
  on('state', showState);
  on('stream-added', (stream) => stage.add(stream));
  on('stream-removed', (stream) => stage.remove(stream));
  on('media.layer', (layer) => stage.setPaused(layer));
  on('quality', showQuality);
  on('error', toastError);
  on('seat.changed', () => leaveStageIfUnseated('off_stage_by_owner'));
  on('seat.changed', () => { if (awaitsSeat) givenSeat(); });
  on('seat.requested', (request) => requests.requested(request));
  on('seat.request_ended', (request) => requests.ended(request));
  on('room.member_entered', ({ member }) => names.learn([member]));
  on('room.admins', showAdmins);
  on('room.member_muted', showMuted);
  const onAlliance = (event, listener) => on(event, (detail) => {
    listener(detail);
    showAlliances();
  });
  onAlliance('link.requested', (request) => coHosts.requested(request));
  onAlliance('link.request_ended', (request) => coHosts.ended(request));
  for (const event of ['link.changed', 'link.ended']) on(event, (changed) => coHosts.changed(changed));
  on('battle.answered', (answer) => battles.answered(client.room, answer));
  on('battle.ended', (ended) => {
    battles.ended(ended);
    battleBar.ended(ended);
  });
  on('room.metadata_changed', ({ changed }) => layout.changed(changed));
  on('barrage.messages', ({ messages }) => {
    hear(messages);
    gifts.show(messages);
  });
  on('like.counted', (counted) => likes.counted(counted));
  for (const event of CHANGES_THE_AUDIENCE) on(event, () => audience.changed());
  on('publication.blocked', showBlocked);
  on('publication.unblocked', () => { byId('blocked-notice').hidden = true; });
  on('room.dismissed', showDismissed);
  on('room.kicked', showKicked);
  on('room-lost', ({ error }) => end('ended_title', error.name === 'no_such_room' ? say('ended_gone') : error.message));
}

function showRoom(room) {
  isMine = client.isOwner;
  const name = room.name || room.room_id;
  byId('room-name').textContent = name;
  document.title = say('room_title', { name });
  names.learn(room.seats);
  stage.show(room);
  hostHeader.show(room);
  battleBar.show(room);
  showAlliances();
  byId('room-notice').textContent = room.notice ?? '';
  byId('room-notice').hidden = !room.notice;
  chat.setForHosts(Boolean(room.message_disabled) && !client.isHost);
  tools.showSettings(room);
  byId('audience-count').textContent = String(room.audience_count);
  showSeats(room, { sit: takeSeat, mustApply: requests.mustApply, items: seatItems });
  showControls(room);
}

function seatItems(seat) {
  return [...(seat.userid === null ? [] : [profiles.menuItem(seat.userid)]), ...tools.seatItems(seat)];
}

/** What waits for this host's answer, and its panel. */
function showAlliances() {
  coHosts.draw();
  battles.draw();
  cards.keep(new Set([...coHosts.cards, ...battles.cards]));
}

function hear(messages) {
  names.learn(messages);
  chat.add(messages);
}

function showAdmins({ admins, userid }) {
  if (userid !== client.userid) return;
  toast(say(admins.includes(userid) ? 'you_are_admin' : 'you_are_no_admin'));
  quietly(requests.refresh());
  quietly(coHosts.refresh().then(showAlliances));
}

function showMuted(mute) {
  tools.muted(mute);
  if (mute.userid !== client.userid) return;
  chat.setMuted(mute.until);
  if (mute.until <= Date.now() / 1000) toast(say('chat_unmuted'));
}

function showControls(room) {
  const isSeated = room.self.seat !== null;
  for (const id of ['mute-mic', 'mute-cam', 'devices']) byId(id).hidden = !isSeated;
  byId('take-seat').hidden = client.isOwner && isSeated;
  byId('take-seat').querySelector('span').textContent = say(isSeated ? 'leave_seat' : 'take_seat');
  requests.draw();
  byId('leave').querySelector('span').textContent = say(client.isOwner ? 'end_live' : 'leave');
}

function showState({ state, error }) {
  const banner = byId('banner');
  banner.hidden = state !== 'reconnecting';
  banner.textContent = banner.hidden ? '' : say('reconnecting');
  if (state === 'connected' && client.room) {
    leaveStageIfUnseated('left_stage');
    audience.changed();
    catchUp();
  }
  if (state === 'closed' && error && stage) end('refused_title', error.message, { canRetry: true });
}

function showDismissed({ reason }) {
  end('ended_title', isMine && reason === 'by_owner' ? say('ended_by_you') : sayOr(`ended_${reason}`, 'ended_by_server'));
}

function showKicked({ reason }) {
  end('kicked_title', sayOr(`kicked_${reason}`, 'kicked_by_owner'), { canRetry: reason === 'logged_on_elsewhere' });
}

function showQuality({ score, up, streams }) {
  byId('quality').hidden = false;
  drawBars(byId('quality'), score);
  const scores = new Map();
  for (const [id, flow] of streams) {
    const { userid } = client.streams.get(id);
    scores.set(userid, Math.min(flow.score, scores.get(userid) ?? 4));
  }
  if (up) scores.set(client.userid, up.score);
  stage?.showQuality(scores);
}

function showBlocked({ message, width, height }) {
  byId('blocked-notice').textContent = message || say('blocked', { width, height });
  byId('blocked-notice').hidden = false;
}

function showOwnTrack() {
  stage?.setOwnTrack(media.tracks.video);
}

/** Who leaves of their own will has turned the devices off before; the others are told why. */
function leaveStageIfUnseated(why) {
  if (client.isSeated || !(media.tracks.audio || media.tracks.video)) return;
  offStage();
  toast(say(why), 'error');
}

function offStage() {
  media.stop();
  byId('blocked-notice').hidden = true;
}

// ---- What the user does --------------------------------------------------------------------------------------------

function prepare() {
  fill();
  listen();
  const onClick = (id, action) => byId(id).addEventListener('click', guarded(action));
  onClick('mute-mic', () => media.toggle('audio'));
  onClick('mute-cam', () => media.toggle('video'));
  onClick('take-seat', pressSeat);
  onClick('audio-only', toggleAudioOnly);
  onClick('leave', leave);
  onClick('share', share);
  onClick('retry', () => location.reload());
  byId('camera-select').addEventListener('change', guarded((event) => media.choose('video', event.target.value)));
  byId('mic-select').addEventListener('change', guarded((event) => media.choose('audio', event.target.value)));
  closeOnOutside(byId('devices'));
  addEventListener('pagehide', () => media.stop());
  // A page that comes back from the browser's cache has closed its connections when it went.
  addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
}

function pressSeat() {
  if (client.isSeated) return leaveSeat();
  return requests.own || requests.mustApply ? requests.toggle() : takeSeat();
}

/** A host has given a seat; the news of the seat itself may come a moment later. */
async function givenSeat() {
  awaitsSeat = !client.isSeated;
  if (!awaitsSeat) await goOnStage();
}

async function takeSeat(index) {
  await client.takeSeat(index);
  await goOnStage();
}

async function leaveSeat() {
  await client.unpublish();
  offStage();
  await client.leaveSeat();
}

async function toggleAudioOnly() {
  await client.receive({ audio: true, video: !wantsVideo });
  wantsVideo = !wantsVideo;
  setToggle(byId('audio-only'), !wantsVideo);
}

async function leave() {
  if (!client.isOwner) {
    await client.leaveRoom();
    return end('left_title', say('left_explained'), { canRetry: true });
  }
  if (!await confirmed('end_live', say('end_live_question'), say('end_live_explained'))) return;
  await client.dismissRoom();
  end('ended_title', say('ended_by_you'));
}

async function share() {
  const link = `${location.origin}/room/${encodeURIComponent(roomId)}`;
  try {
    await navigator.clipboard.writeText(link);
    toast(say('share_done'));
  } catch {
    // Not allowed, or not a secure page: then the link is there to be copied by hand.
    toast(say('share_failed', { link }));
  }
}

/** Asks in a dialog; resolves to whether the answer was yes. */
function confirmed(yes, question, explained) {
  const dialog = byId('confirm');
  byId('confirm-question').textContent = question;
  byId('confirm-explained').textContent = explained;
  byId('confirm-yes').textContent = say(yes);
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}

function closeOnOutside(details) {
  document.addEventListener('click', (event) => { if (!details.contains(event.target)) details.open = false; });
  details.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    details.open = false;
    details.querySelector('summary').focus();
  });
}

// ---- The end, and what runs until then -----------------------------------------------------------------------------

/** The last screen; the first reason to come here stands. Nothing of the live goes on behind it. */
function end(title, reason, { canRetry = false } = {}) {
  if (isOver) return;
  isOver = true;
  media.stop();
  client.close();
  stage?.clear();
  for (const part of [chat, likes, gifts, requests, coHosts, battleBar]) part.stop();
  stopCountdowns();
  closeMenu();
  byId('toasts').replaceChildren();
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close('no');
  document.body.classList.add('over');
  byId('ended-title').textContent = say(title);
  byId('ended-reason').textContent = reason;
  byId('retry').hidden = !canRetry;
  byId('ended').hidden = false;
  byId('ended').focus();
}

async function showUsageForEver() {
  while (!isOver) {
    if (client.state === 'connected') {
      await showUsage().catch((error) => { if (!error.isNetwork && !isOver) toastError(error); });
    }
    await new Promise((resolve) => { setTimeout(resolve, USAGE_EVERY_MS); });
  }
}

async function showUsage() {
  const { seconds } = await client.usage();
  const tiers = usageInWords(seconds);
  byId('usage').hidden = tiers === '';
  byId('usage').textContent = say('usage', { tiers });
}

start();
