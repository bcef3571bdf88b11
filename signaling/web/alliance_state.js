/**
 * What links and battles look like after a notification. Pure: a Room and a notification go in, a new Room comes out.
 *
 * Battles are told in rounds and may come after what was told to hosts at once: a notification about another battle than
 * the one that is known changes nothing, and scores of an older version neither.
 */

function linkChanged(room, { link_id, rooms }) {
  const isIn = rooms.some(({ room_id: id }) => id === room.room_id);
  return { ...room, link: isIn ? { link_id, rooms } : null };
}

/** Hosts hear of a call first; it waits until it starts or ends. */
function battleRequested(room, { battle_id, by, called, duration_s, expires_at, extra }) {
  return { ...room, battle: {
    battle_id, by, rooms: [by, ...called], unanswered: called, phase: 'waiting', until: expires_at, duration_s, extra,
    scores: {}, version: 0, winners: [] } };
}

/** Who does not accept hears no more of it. */
function battleAnswered(room, { battle_id, room_id, outcome }) {
  if (outcome !== 'accepted' && room_id === room.room_id) return withoutBattle(room, battle_id);
  return sameBattle(room, battle_id, (battle) => ({
    unanswered: battle.unanswered.filter((id) => id !== room_id),
    rooms: outcome === 'accepted' ? battle.rooms : battle.rooms.filter((id) => id !== room_id),
  }));
}

function battleStarted(room, { battle_id, by, rooms, ends_at, extra }) {
  const isKnown = room.battle?.battle_id === battle_id && room.battle.phase !== 'waiting';
  if (isKnown || !rooms.includes(room.room_id)) return room;
  const scores = Object.fromEntries(rooms.map((id) => [id, 0]));
  return { ...room, battle: {
    battle_id, by, rooms, unanswered: [], phase: 'running', until: ends_at, duration_s: room.battle?.duration_s ?? null,
    extra, scores, version: 0, winners: [] } };
}

function battleScored(room, { battle_id, scores, version }) {
  if (version <= (room.battle?.version ?? 0)) return room;
  return sameBattle(room, battle_id, () => ({ scores, version }));
}

/** A room that left hears no more of it; for the others it stays among the scores, and cannot win. */
function battleRoomLeft(room, { battle_id, room_id }) {
  if (room_id === room.room_id) return withoutBattle(room, battle_id);
  return sameBattle(room, battle_id, (battle) => ({ rooms: battle.rooms.filter((id) => id !== room_id) }));
}

function battleEnded(room, { battle_id, scores, winners, punishment_until: until }) {
  if (until === null) return withoutBattle(room, battle_id);
  return sameBattle(room, battle_id, () => ({ phase: 'punishment', until, scores, winners }));
}

function withoutBattle(room, battle_id) {
  return room.battle?.battle_id === battle_id ? { ...room, battle: null } : room;
}

function sameBattle(room, battle_id, change) {
  if (room.battle?.battle_id !== battle_id) return room;
  return { ...room, battle: { ...room.battle, ...change(room.battle) } };
}

export const allianceChanges = {
  'link.changed': linkChanged,
  'link.ended': (room) => ({ ...room, link: null }),
  'battle.requested': battleRequested,
  'battle.answered': battleAnswered,
  'battle.started': battleStarted,
  'battle.scored': battleScored,
  'battle.room_left': battleRoomLeft,
  'battle.ended': battleEnded,
  'battle.punishment_ended': (room, { battle_id }) => withoutBattle(room, battle_id),
};

/** What a linked room is called by; of one that is linked no longer, its id is all there is. */
export function alliedRoom(room, room_id) {
  const found = room.link?.rooms.find((each) => each.room_id === room_id);
  const { name, owner, owner_name: ownerName } = found ?? (room_id === room.room_id ? room : {});
  return { room_id, name: name || room_id, owner: owner ?? room_id, owner_name: ownerName || owner || room_id };
}
