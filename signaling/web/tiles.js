/**
 * Which tiles the stage of a room has, in which order, and how they are laid out. Pure: a Room goes in.
 *
 * First shared screens, then the owner, then the owners of linked rooms, then the guests.
 */

import { say } from './words.js';

/** So many places has a room for voices at least, taken or not. */
const VOICE_PLACES = 10;

/**
 * @typedef {object} Tile
 * @property {string} key  the user id, `userid/screen` for a shared screen, `seat/3` for a free place
 * @property {string|null} userid
 * @property {'camera'|'screen'} source
 * @property {string} name
 * @property {boolean} connected
 * @property {{audio: boolean, video: boolean}} closed  what hosts let nobody hear or see from that seat
 * @property {string} room_id  where this one is
 * @property {string} roomName  of another room; empty for one's own
 * @property {boolean} [isLocked]  of a free place
 */

/** `voice` when nobody sends a picture; otherwise what was chosen. */
export function layoutOf(room, { chosen, ownPicture }) {
  const isShown = ({ kind, muted, blocked }) => kind === 'video' && !muted && !blocked;
  const others = room.publications.filter(({ userid }) => userid !== room.self.userid);
  const ownScreen = room.publications.some((each) => isShown(each) && each.source === 'screen');
  return ownPicture || ownScreen || others.some(isShown) ? chosen : 'voice';
}

/** @returns {Tile[]} */
export function tilesOf(room, layout) {
  const linked = linkedTiles(room);
  const known = new Set([...room.seats, ...linked].map(({ userid }) => userid));
  const pictures = room.publications.filter(({ kind }) => kind === 'video');
  // Someone may publish without a seat, such as a stream pushed in by OBS.
  const others = pictures.filter(({ userid, source }) => source !== 'screen' && !known.has(userid));
  const screens = pictures.filter(({ source }) => source === 'screen');
  const [owners, guests] = parted(seatTiles(room, layout), ({ userid }) => userid === room.owner);
  const seen = [...owners, ...linked, ...guests, ...others.map(({ userid }) => camera(room, userid, userid))];
  return [...screens.map((screen) => screenTile(room, screen, seen)), ...seen];
}

function seatTiles(room, layout) {
  const shown = room.seats.filter(({ userid, index }) => (
    userid !== null || (layout === 'voice' && index < VOICE_PLACES)));
  return shown.map((seat) => (seat.userid === null ? freePlace(room, seat) : takenSeat(room, seat)));
}

function takenSeat(room, { userid, name, connected, audio_locked: audio, video_locked: video }) {
  return { ...camera(room, userid, name || userid), connected, closed: { audio: Boolean(audio), video: Boolean(video) } };
}

function freePlace(room, { index, locked }) {
  const key = locked ? `seat/${index}/locked` : `seat/${index}`;
  return { ...camera(room, null, String(index + 1)), key, isLocked: Boolean(locked) };
}

function linkedTiles(room) {
  const others = (room.link?.rooms ?? []).filter(({ room_id: id }) => id !== room.room_id);
  return others.map(({ room_id, name, owner, owner_name: ownerName }) => (
    { ...camera(room, owner, ownerName || owner), room_id, roomName: name || room_id }));
}

function screenTile(room, { userid, room_id }, seen) {
  const of = seen.find((tile) => tile.userid === userid);
  const name = say('screen_of', { name: of?.name ?? userid });
  const key = `${userid}/screen`;
  return { ...camera(room, userid, name), key, source: 'screen', room_id, roomName: of?.roomName ?? '' };
}

function camera(room, userid, name) {
  return {
    key: userid, userid, source: 'camera', name, connected: true, closed: { audio: false, video: false },
    room_id: room.room_id, roomName: '' };
}

function parted(all, isFirst) {
  return [all.filter(isFirst), all.filter((each) => !isFirst(each))];
}
