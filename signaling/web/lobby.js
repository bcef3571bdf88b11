/**
 * The lobby: the button to go live, and the rooms that are live now, to be filtered, searched, and looked into. The live
 * itself happens on the room page. What the app's edition does not have is not shown.
 */

import { CardPreviews } from './card_previews.js';
import { avatar, byId, fill, guarded, label, toastError } from './dom.js';
import { layOutFilters } from './filters.js';
import { announceLives } from './follow_button.js';
import { givenName, rememberName, signIn } from './identity.js';
import { LiveClient } from './live_client.js';
import { ProfileDialog } from './profile.js';
import { NOTHING, RoomList } from './room_list.js';
import { Waterfall } from './waterfall.js';
import { say } from './words.js';

const client = new LiveClient();
const profile = new ProfileDialog(client, profileChanged);
let previews = null;
let waterfall = null;
let choice = { kind: 'all' };

const list = new RoomList({
  showOwner: (userid) => profile.show(userid).catch(toastError),
  onCard: (card, room_id) => previews?.watch(card, room_id),
  onGone: (room_id) => previews?.forget(room_id),
  onChange: () => {
    waterfall?.arrange();
    previews?.lookAround();
  },
});

function prepare() {
  fill();
  document.title = say('lobby_title');
  byId('search').placeholder = say('search_rooms');
  byId('name').value = givenName();
  byId('name').addEventListener('change', guarded(rename));
  byId('start').addEventListener('submit', goLive);
  byId('own-profile').addEventListener('click', guarded(() => profile.show()));
  client.addEventListener('state', showState);
  // A page that comes back from the browser's cache has closed its connection when it went.
  addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
}

async function rename() {
  const name = byId('name').value.trim();
  rememberName(name);
  if (name && client.state === 'connected') profileChanged(await client.setProfile({ name }));
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

/** One's own profile is new, or somebody else is followed, or no longer. */
function profileChanged(changed) {
  if (changed.userid === client.userid) {
    const { userid, name, avatar: address } = changed;
    // Nobody is interrupted who is just typing another one.
    if (document.activeElement !== byId('name')) byId('name').value = givenName();
    byId('own-profile').replaceChildren(avatar(userid, name, address));
    label(byId('own-profile'), say('own_profile', { name }));
    byId('own-profile').hidden = false;
  } else if (choice.kind === 'followed') {
    list.refresh().catch(toastError);
  }
}

// ---- Which rooms -----------------------------------------------------------------------------------------------------

/** How each choice finds its rooms. */
const SOURCES = {
  all: () => (page) => client.listRooms(page),
  followed: () => (page) => client.listRooms({ ...page, followed: true }),
  category: ({ category }) => (page) => client.listRooms({ ...page, category }),
  search: ({ text }) => (page) => client.searchRooms({ ...page, text }),
};

async function choose(chosen) {
  choice = chosen;
  byId('rooms-heading').textContent = chosen.kind === 'search' ? say('rooms_found', { text: chosen.text }) : say('live_now');
  try {
    await list.show(SOURCES[chosen.kind](chosen), NOTHING[chosen.kind](chosen.text));
  } catch (error) {
    toastError(error);
  }
}

/** What the edition has is laid out; the rest is not there. */
function layOut() {
  if (client.hasFeature('preview')) previews = new CardPreviews(client);
  if (client.hasFeature('waterfall')) {
    byId('rooms').classList.replace('cards', 'waterfall');
    waterfall = new Waterfall(byId('rooms'));
  }
  if (client.hasFeature('follow')) announceLives(client);
  layOutFilters({ hasFollows: client.hasFeature('follow'), hasSearch: client.hasFeature('search') }, choose);
}

async function refreshForEver() {
  for (;;) {
    await new Promise((resolve) => { setTimeout(resolve, list.pause); });
    if (client.state === 'connected' && !document.hidden) {
      await list.refresh().catch((error) => { if (!error.isNetwork) toastError(error); });
    }
  }
}

async function start() {
  prepare();
  try {
    const name = await signIn(client, byId('sign-in'));
    document.body.dataset.userid = client.userid;
    layOut();
    profileChanged({ userid: client.userid, name, avatar: '' });
    client.profile().then((own) => profileChanged({ ...own, name })).catch(() => {});
    await choose(choice);
    await refreshForEver();
  } catch (error) {
    toastError(error);
    byId('rooms-empty').textContent = error.message;
  }
}

start();
