/** The lists beside the stage: who sits where, and who watches. Buttons only report what was pressed. */

import { avatar, byId, element, guarded, label } from './dom.js';
import { say } from './words.js';

const MEMBERS_PER_PAGE = 100;

/** Joins and leaves come in bursts; the list is fetched at most this often. */
const REFRESH_EVERY_MS = 1000;

/**
 * Draws the seats.
 * @param {object} room
 * @param {{sit: (index: number) => Promise, kick: (userid: string) => Promise}} actions
 */
export function showSeats(room, actions) {
  const taken = room.seats.filter((seat) => seat.userid !== null).length;
  byId('seats-count').textContent = say('seats_taken', { taken, count: room.seats.length });
  const focused = document.activeElement?.dataset.seat;
  byId('seats').replaceChildren(...room.seats.map((seat) => seatItem(room, seat, actions)));
  if (focused !== undefined) byId('seats').querySelector(`[data-seat="${focused}"]`)?.focus();
}

function seatItem(room, seat, actions) {
  return seat.userid === null ? freeSeat(room, seat, actions) : takenSeat(room, seat, actions);
}

function freeSeat(room, { index }, { sit }) {
  const canSit = room.self.seat === null;
  const text = element('span', { class: 'list-name', text: say('free_seat') });
  const number = element('span', { class: 'avatar free', text: String(index + 1), 'aria-hidden': 'true' });
  if (!canSit) return element('li', { class: 'free' }, [number, text]);
  const attributes = { class: 'row', type: 'button', data: { seat: index }, on: { click: guarded(() => sit(index)) } };
  const button = element('button', attributes, [number, text]);
  label(button, say('sit_here', { number: index + 1 }));
  return element('li', { class: 'free' }, [button]);
}

function takenSeat(room, { index, userid, name, connected }, { kick }) {
  const isSelf = userid === room.self.userid;
  const shown = name || userid;
  const canKick = room.self.role === 'owner' && !isSelf;
  return element('li', { class: connected ? 'taken' : 'taken away', data: { userid } }, [
    avatar(userid, shown),
    element('span', { class: 'list-name', text: isSelf ? say('you', { name: shown }) : shown }),
    userid === room.owner && element('span', { class: 'badge', text: say('owner') }),
    canKick && kickButton(
      'off_stage', say('kick_seat', { name: shown }), { seat: index, kickSeat: userid }, () => kick(userid)),
  ]);
}

function kickButton(word, text, data, action) {
  const listeners = { click: guarded(action) };
  const button = element('button', { class: 'quiet small', type: 'button', text: say(word), data, on: listeners });
  label(button, text);
  return button;
}

/** The audience list, fetched anew soon after something changed. */
export class AudienceList {
  #client;
  #kick;
  #pages = 1;
  #timer = null;

  /**
   * @param {import('./live_client.js').LiveClient} client
   * @param {(member: object) => Promise} kick
   */
  constructor(client, kick) {
    this.#client = client;
    this.#kick = kick;
    byId('more-audience').addEventListener('click', guarded(() => this.#showMore()));
  }

  /** Somebody came, went or changed: a new list is shown soon. */
  changed() {
    this.#timer ??= setTimeout(() => this.#refresh(), REFRESH_EVERY_MS);
  }

  /** The same without waiting. */
  async refreshNow() {
    clearTimeout(this.#timer);
    await this.#refresh();
  }

  async #showMore() {
    this.#pages += 1;
    await this.refreshNow();
  }

  async #refresh() {
    this.#timer = null;
    try {
      this.#draw(await this.#fetch());
    } catch {
      // Lost connection or left room: the next change brings a new list.
    }
  }

  async #fetch() {
    const members = [];
    let cursor = '';
    for (let page = 0; page < this.#pages; page += 1) {
      const answer = await this.#client.listAudience({ cursor, count: MEMBERS_PER_PAGE });
      members.push(...answer.members);
      cursor = answer.cursor;
      if (!cursor) break;
    }
    return { members, hasMore: Boolean(cursor) };
  }

  #draw({ members, hasMore }) {
    const focused = document.activeElement?.dataset.kickRoom;
    byId('audience').replaceChildren(...members.map((member) => this.#item(member)));
    if (focused) byId('audience').querySelector(`[data-kick-room="${CSS.escape(focused)}"]`)?.focus();
    byId('audience-empty').hidden = members.length > 0;
    byId('more-audience').hidden = !hasMore;
  }

  #item(member) {
    const { userid, connected } = member;
    const name = member.name || userid;
    const isSelf = userid === this.#client.userid;
    return element('li', { class: connected ? '' : 'away', data: { userid } }, [
      avatar(userid, name),
      element('span', { class: 'list-name', text: isSelf ? say('you', { name }) : name }),
      member.seat !== null && element('span', { class: 'badge', text: say('on_stage') }),
      this.#client.isOwner && !isSelf
        && kickButton('remove', say('kick_room', { name }), { kickRoom: userid }, () => this.#kick({ userid, name })),
    ]);
  }
}
