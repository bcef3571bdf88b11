/** The lobby: a name, the button to go live, and the rooms that are live now. The live itself happens on the room page. */

import { byId, element, fill, guarded, hueOf, initials, toastError } from './dom.js';
import { givenName, rememberName, signIn } from './identity.js';
import { LiveClient } from './live_client.js';
import { say } from './words.js';

const REFRESH_EVERY_MS = 3000;
const ROOMS_PER_PAGE = 50;

const client = new LiveClient();
const cards = new Map();
let pages = 1;

function prepare() {
  fill();
  document.title = say('lobby_title');
  byId('name').value = givenName();
  byId('name').addEventListener('change', () => rememberName(byId('name').value));
  byId('start').addEventListener('submit', goLive);
  byId('more-rooms').addEventListener('click', guarded(showMore));
  client.addEventListener('state', showState);
  // A page that comes back from the browser's cache has closed its connection when it went.
  addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
}

function goLive(event) {
  event.preventDefault();
  rememberName(byId('name').value);
  const [number] = crypto.getRandomValues(new Uint32Array(1));
  location.href = `/room/live-${number.toString(36)}?host=1`;
}

function showState({ detail: { state } }) {
  const banner = byId('banner');
  banner.hidden = state !== 'reconnecting';
  banner.textContent = banner.hidden ? '' : say('reconnecting');
}

async function showMore() {
  pages += 1;
  await refresh();
}

async function refresh() {
  const rooms = [];
  let cursor = '';
  for (let page = 0; page < pages; page += 1) {
    const answer = await client.listRooms({ cursor, count: ROOMS_PER_PAGE });
    rooms.push(...answer.rooms);
    cursor = answer.cursor;
    if (!cursor) break;
  }
  show(rooms);
  byId('more-rooms').hidden = !cursor;
}

/** Keeps the card of a room that stays, so that focus and hover survive a refresh. */
function show(rooms) {
  const present = new Set(rooms.map((room) => room.room_id));
  for (const [id, card] of cards) {
    if (present.has(id)) continue;
    card.remove();
    cards.delete(id);
  }
  for (const room of rooms) {
    const card = cards.get(room.room_id) ?? addCard(room);
    updateCard(card, room);
  }
  byId('rooms-empty').hidden = rooms.length > 0;
  byId('rooms-empty').textContent = say('no_rooms');
}

function addCard(room) {
  const cover = element('span', { class: 'cover', 'aria-hidden': 'true' }, [
    element('span', { class: 'cover-letters', text: initials(room.owner_name || room.owner) }),
    element('span', { class: 'badge live', text: say('live') }),
  ]);
  cover.style.setProperty('--hue', String(hueOf(room.owner)));
  if (isOwnAddress(room.cover)) cover.prepend(element('img', { src: room.cover, alt: '', loading: 'lazy' }));
  const link = element('a', { class: 'card', href: `/room/${encodeURIComponent(room.room_id)}` }, [
    cover,
    element('span', { class: 'card-name' }),
    element('span', { class: 'card-owner' }),
    element('span', { class: 'card-facts' }),
  ]);
  const card = element('li', { data: { roomId: room.room_id } }, [link]);
  cards.set(room.room_id, card);
  byId('rooms').append(card);
  return card;
}

function updateCard(card, room) {
  const name = room.name || room.room_id;
  card.querySelector('.card-name').textContent = name;
  card.querySelector('.card-owner').textContent = say('hosted_by', { name: room.owner_name || room.owner });
  card.querySelector('.card-facts').textContent = [
    say('audience_short', { count: room.audience_count }),
    say('seats_short', { taken: room.seats_taken, count: room.seats_count }),
  ].join(' · ');
}

/** Covers from elsewhere are not loaded: they would tell a stranger's server who is looking. */
function isOwnAddress(cover) {
  return Boolean(cover) && new URL(cover, location.href).origin === location.origin;
}

async function refreshForEver() {
  for (;;) {
    if (client.state === 'connected' && !document.hidden) {
      await refresh().catch((error) => { if (!error.isNetwork) toastError(error); });
    }
    await new Promise((resolve) => { setTimeout(resolve, REFRESH_EVERY_MS); });
  }
}

async function start() {
  prepare();
  try {
    await signIn(client, byId('sign-in'));
    await refreshForEver();
  } catch (error) {
    toastError(error);
    byId('rooms-empty').textContent = error.message;
  }
}

start();
