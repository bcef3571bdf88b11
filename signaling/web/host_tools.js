/**
 * What hosts may do, as entries of menus, and the settings of the room. Which entries there are follows from the roles;
 * the server decides all the same.
 */

import { categoryOptions } from './categories.js';
import { byId, guarded, toast } from './dom.js';
import { say } from './words.js';

const MUTE_S = 600;
const BAN_S = 3600;

const RANK = { owner: 2, admin: 1, audience: 0 };

/** The role of a user, from the room alone. */
export function roleOf(room, userid) {
  if (userid === room.owner) return 'owner';
  return (room.admins ?? []).includes(userid) ? 'admin' : 'audience';
}

/** Whether this member may act against that one: hosts may, against who stands below them. */
export function isAbove(room, userid) {
  const own = room.self.role;
  return own !== 'audience' && userid !== room.self.userid && RANK[own] > RANK[roleOf(room, userid)];
}

export class HostTools {
  #client;
  #confirmed;
  #muted = new Map();

  /**
   * @param {import('./live_client.js').LiveClient} client
   * @param {(yes: string, question: string, explained: string) => Promise<boolean>} confirmed  asks before what is harsh
   */
  constructor(client, confirmed) {
    this.#client = client;
    this.#confirmed = confirmed;
    const set = (id, change) => byId(id).addEventListener('change', guarded(async ({ target }) => {
      try {
        await client.updateRoom(change(target.checked));
      } finally {
        this.showSettings(client.room);
      }
    }));
    set('apply-mode', (isOn) => ({ seat_mode: isOn ? 'apply' : 'free' }));
    set('hosts-only', (isOn) => ({ message_disabled: isOn }));
    byId('room-category').replaceChildren(...categoryOptions());
    byId('room-category').addEventListener('change', guarded(async ({ target }) => {
      await client.updateRoom({ category: target.value ? [Number(target.value)] : [] });
    }));
    byId('notice-form').addEventListener('submit', (event) => event.preventDefault());
    byId('notice-save').addEventListener('click', guarded(() => this.#saveNotice()));
  }

  /** Takes a `room.member_muted`, so that the menu offers to lift it. */
  muted({ userid, until }) {
    this.#muted.set(userid, until);
  }

  /** Shows the room's settings to hosts as they are. */
  showSettings(room) {
    if (!room) return;
    byId('room-settings').hidden = !this.#client.isHost;
    byId('apply-mode').checked = room.seat_mode === 'apply';
    byId('room-category').value = String(room.category?.[0] ?? '');
    byId('hosts-only').checked = room.message_disabled;
    if (document.activeElement !== byId('notice-text')) byId('notice-text').value = room.notice ?? '';
  }

  /** The entries for a seat and who sits on it; none when there is nothing to do. */
  seatItems(seat) {
    const { room, isHost } = this.#client;
    if (!room) return [];
    if (!isHost) return seat.userid === room.self.userid ? this.#moveItems(seat) : [];
    const { index, userid, locked, audio_locked: audio, video_locked: video } = seat;
    const lock = (changes) => () => this.#client.lockSeat(index, { locked, audio, video, ...changes });
    const canClose = userid === null || isAbove(room, userid);
    return [
      userid !== null && isAbove(room, userid)
        && { text: say('off_stage'), action: () => this.#client.kickFromSeat(userid) },
      canClose && { text: say(audio ? 'unmute_seat_audio' : 'mute_seat_audio'), action: lock({ audio: !audio }) },
      canClose && { text: say(video ? 'unmute_seat_video' : 'mute_seat_video'), action: lock({ video: !video }) },
      ...this.#moveItems(seat),
      canClose && index !== 0 && { text: say(locked ? 'unlock_seat' : 'lock_seat'), action: lock({ locked: !locked }) },
      ...(userid === null ? [] : this.#personItems({ userid, name: seat.name || userid })),
    ].filter(Boolean);
  }

  /** The entries for a member of the audience list. */
  memberItems({ userid, name, seat }) {
    const { room } = this.#client;
    if (!room || userid === room.self.userid || !this.#client.isHost) return [];
    const person = { userid, name: name || userid };
    return [
      seat === null && { text: say('invite'), action: () => this.#invite(person) },
      ...this.#personItems(person),
    ].filter(Boolean);
  }

  #personItems({ userid, name }) {
    const { room, isOwner } = this.#client;
    if (!isAbove(room, userid)) return [];
    const isAdmin = roleOf(room, userid) === 'admin';
    const isMuted = (this.#muted.get(userid) ?? 0) > Date.now() / 1000;
    return [
      isOwner && {
        text: say(isAdmin ? 'remove_admin' : 'make_admin'), action: () => this.#client.setAdmin(userid, !isAdmin) },
      { text: say(isMuted ? 'lift_mute' : 'mute_member'), action: () => this.#mute({ userid, name }, !isMuted) },
      { text: say('remove'), isDanger: true, action: () => this.#kick({ userid, name }) },
      { text: say('ban_member'), isDanger: true, action: () => this.#ban({ userid, name }) },
    ];
  }

  /** Where this one can be put: hosts put whom they may act against anywhere, the others themselves where it is free. */
  #moveItems({ index, userid }) {
    const { room, isHost } = this.#client;
    const isSelf = userid === room.self.userid;
    if (userid === null || userid === room.owner) return [];
    if (isSelf ? room.seat_mode === 'apply' && !isHost : !isAbove(room, userid)) return [];
    const canSwap = ({ userid: there }) => (
      isHost && there !== room.owner && (there === room.self.userid || isAbove(room, there)));
    const targets = room.seats.filter((other) => (
      other.index !== index && !other.locked && (other.userid === null || canSwap(other))));
    const items = () => targets.map((other) => this.#moveItem({ userid, isSelf }, other));
    return targets.length > 0 ? [{ text: say('move_seat'), items }] : [];
  }

  #moveItem({ userid, isSelf }, { index, userid: there, name }) {
    const number = index + 1;
    const text = there === null ? say('seat_number', { number }) : say('swap_with', { number, name: name || there });
    const how = { ...(isSelf ? {} : { userid }), ...(there === null ? {} : { policy: 'swap_position' }) };
    return { text, action: () => this.#client.moveSeat(index, how) };
  }

  async #invite({ userid, name }) {
    await this.#client.inviteToSeat(userid);
    toast(say('invited', { name }));
  }

  async #mute({ userid, name }, isMuted) {
    await this.#client.muteMember(userid, isMuted ? MUTE_S : 0);
    toast(say(isMuted ? 'member_muted' : 'member_unmuted', { name }));
  }

  async #kick({ userid, name }) {
    if (!await this.#confirmed('remove', say('kick_question', { name }), say('kick_explained'))) return;
    await this.#client.kickFromRoom(userid);
  }

  async #ban({ userid, name }) {
    if (!await this.#confirmed('ban_member', say('ban_question', { name }), say('ban_explained'))) return;
    await this.#client.banMember(userid, BAN_S);
  }

  async #saveNotice() {
    await this.#client.updateRoom({ notice: byId('notice-text').value.trim() });
    toast(say('notice_saved'));
  }
}
