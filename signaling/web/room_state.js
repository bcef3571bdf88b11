/**
 * What a room looks like after a notification. Pure: a Room and a notification go in, a new Room comes out, and nothing
 * that was handed out before is altered.
 *
 * A Room here is the protocol's object (signaling/README.md, "Objects"), kept up to date.
 */

import { allianceChanges } from './alliance_state.js';

/**
 * @param {object} room
 * @param {string} method  the notification's name; unknown ones change nothing
 * @param {object} params
 * @returns {object} the room as it is now
 */
export function applyNotification(room, method, params) {
  return changes[method]?.(room, params) ?? room;
}

/** The room with new seats; `self.seat` follows from them. */
export function withSeats(room, seats) {
  const mine = seats.find((seat) => seat.userid === room.self.userid);
  return { ...room, seats, self: { ...room.self, seat: mine?.index ?? null } };
}

/** The room with these publications put in, each in place of the one with the same id. */
export function withPublications(room, publications) {
  const ids = new Set(publications.map((publication) => publication.publication_id));
  const others = room.publications.filter((publication) => !ids.has(publication.publication_id));
  return { ...room, publications: [...others, ...publications] };
}

function withoutPublication(room, id) {
  return { ...room, publications: room.publications.filter((publication) => publication.publication_id !== id) };
}

function withBlocked(room, id, blocked) {
  const publications = room.publications.map((publication) => (
    publication.publication_id === id ? { ...publication, blocked } : publication));
  return { ...room, publications };
}

function withConnected(room, userid, connected) {
  return { ...room, seats: room.seats.map((seat) => (seat.userid === userid ? { ...seat, connected } : seat)) };
}

function withAdmins(room, admins) {
  const isAdmin = admins.includes(room.self.userid);
  const role = room.self.role === 'owner' ? 'owner' : isAdmin ? 'admin' : 'audience';
  return { ...room, admins, self: { ...room.self, role } };
}

/** What `room.updated` may change, whatever else it carries. */
const INFO = ['name', 'cover', 'notice', 'category', 'is_public', 'message_disabled', 'seat_mode'];

function withInfo(room, params) {
  return { ...room, ...Object.fromEntries(INFO.filter((key) => key in params).map((key) => [key, params[key]])) };
}

const changes = {
  'room.updated': withInfo,
  'room.admins': (room, params) => withAdmins(room, params.admins),
  'room.member_entered': (room, params) => ({
    ...room, audience_count: params.audience_count, member_count: params.audience_count + 1 }),
  'room.member_left': (room, params) => ({
    ...room, audience_count: params.audience_count, member_count: params.audience_count + 1 }),
  'room.member_dropped': (room, params) => withConnected(room, params.userid, false),
  'room.member_returned': (room, params) => withConnected(room, params.userid, true),
  'seat.changed': (room, params) => withSeats(room, params.seats),
  'publication.added': (room, params) => withPublications(room, [params.publication]),
  'publication.changed': (room, params) => withPublications(room, [params.publication]),
  'publication.removed': (room, params) => withoutPublication(room, params.publication_id),
  'publication.blocked': (room, params) => withBlocked(room, params.publication_id, true),
  'publication.unblocked': (room, params) => withBlocked(room, params.publication_id, false),
  'media.speakers': (room, params) => ({ ...room, speakers: params.userids }),
  ...allianceChanges,
};
