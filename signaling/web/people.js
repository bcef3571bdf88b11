/** The lists beside the stage: who sits where, and who watches. Buttons only report what was pressed. */

import { avatar, byId, element, guarded, label } from './dom.js';
import { roleOf } from './host_tools.js';
import { icon } from './icons.js';
import { findMenuButton, menuButton, opensMenu } from './menu.js';
import { say } from './words.js';

const MEMBERS_PER_PAGE = 100;

/** Joins and leaves come in bursts; the list is fetched at most this often. */
const REFRESH_EVERY_MS = 1000;

/** Nothing is searched for while somebody types. */
const TYPED_MS = 300;

/** So few people are found by looking. */
const FEW = 8;

let shownSeats = null;

/**
 * Draws the seats, if anything about them has changed.
 * @param {object} room
 * @param {object} actions
 * @param {(index: number) => Promise} actions.sit
 * @param {boolean} actions.mustApply  a free seat cannot simply be taken
 * @param {(seat: object) => object[]} actions.items  the entries of a seat's menu
 */
export function showSeats(room, actions) {
  const facts = JSON.stringify([room.seats, room.self, room.admins, room.owner, actions.mustApply]);
  if (facts === shownSeats) return;
  shownSeats = facts;
  const sat = room.seats.filter((seat) => seat.userid !== null);
  const free = room.seats.filter((seat) => seat.userid === null);
  byId('seats-count').textContent = say('seats_taken', { taken: sat.length, count: room.seats.length });
  redraw(byId('seats'), sat.map((seat) => takenSeat(room, seat, actions)));
  redraw(byId('free-seats'), free.map((seat) => freeSeat(room, seat, actions)));
  byId('free-seats-heading').hidden = free.length === 0;
}

/** Puts in new items; the focus stays on what has the same key. */
function redraw(list, items) {
  const { seat, menu } = list.contains(document.activeElement) ? document.activeElement.dataset : {};
  list.replaceChildren(...items);
  if (menu !== undefined) findMenuButton(menu)?.focus();
  else if (seat !== undefined) list.querySelector(`[data-seat="${seat}"]`)?.focus();
}

/** A free seat is a spot with its number: to sit on, for hosts with a menu, or just to be seen. */
function freeSeat(room, seat, actions) {
  const canSit = room.self.seat === null && !seat.locked && !actions.mustApply;
  const isManaged = actions.items(seat).length > 0;
  const spot = isManaged ? managedSpot(seat, canSit, actions) : canSit ? openSpot(seat, actions) : closedSpot(seat);
  const signs = seatSigns(seat).filter(Boolean);
  return element('li', {}, [spot, signs.length > 0 && element('span', { class: 'signs' }, signs)]);
}

function managedSpot(seat, canSit, { sit, items }) {
  const { index } = seat;
  const number = index + 1;
  const first = canSit ? [{ text: say('sit_here', { number }), action: () => sit(index) }] : [];
  const button = element('button', { class: 'spot', type: 'button', ...spotContent(seat) });
  return opensMenu(button, say('seat_menu', { number }), `seat-${index}`, () => [...first, ...items(seat)]);
}

function openSpot(seat, { sit }) {
  const { index } = seat;
  const attributes = { class: 'spot', type: 'button', data: { seat: index }, on: { click: guarded(() => sit(index)) } };
  const button = element('button', { ...attributes, ...spotContent(seat) });
  label(button, say('sit_here', { number: index + 1 }));
  return button;
}

function closedSpot(seat) {
  const spot = element('span', { class: 'spot', role: 'img', ...spotContent(seat) });
  label(spot, say(seat.locked ? 'locked_seat' : 'free_seat', { number: seat.index + 1 }));
  return spot;
}

function spotContent({ index, locked }) {
  return locked ? { icon: 'lock' } : { text: String(index + 1) };
}

function takenSeat(room, seat, actions) {
  const { userid, name, connected } = seat;
  const isSelf = userid === room.self.userid;
  const shown = name || userid;
  return element('li', { class: connected ? 'taken' : 'taken away', data: { userid } }, [
    avatar(userid, shown),
    element('span', { class: 'list-name', text: isSelf ? say('you', { name: shown }) : shown }),
    ...seatSigns(seat),
    roleBadge(room, userid),
    seatMenu(seat, actions),
  ]);
}

/** What of a seat is closed, for everybody to see. */
function seatSigns({ audio_locked: audio, video_locked: video }) {
  return [
    audio && sign('mic-off', say('seat_audio_locked')),
    video && sign('cam-off', say('seat_video_locked')),
  ];
}

function sign(name, text) {
  const made = element('span', { class: 'sign', role: 'img', 'aria-label': text, title: text });
  made.append(icon(name));
  return made;
}

function roleBadge(room, userid) {
  const role = roleOf(room, userid);
  return role !== 'audience' && element('span', { class: 'badge', text: say(role) });
}

function seatMenu(seat, { items }) {
  if (items(seat).length === 0) return null;
  const name = say('seat_menu', { number: seat.index + 1 });
  return menuButton(name, `seat-${seat.index}`, () => items(seat));
}

/** The audience list, fetched anew soon after something changed. */
export class AudienceList {
  #client;
  #items;
  #names;
  #pages = 1;
  #timer = null;
  #text = '';

  /**
   * @param {import('./live_client.js').LiveClient} client
   * @param {(member: object) => object[]} items  the entries of a member's menu
   * @param {import('./names.js').Names} names
   */
  constructor(client, items, names) {
    this.#client = client;
    this.#items = items;
    this.#names = names;
    byId('more-audience').addEventListener('click', guarded(() => this.#showMore()));
    byId('audience-search').placeholder = say('search_people');
    byId('audience-search').addEventListener('input', ({ target }) => this.#search(target.value.trim()));
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

  #search(text) {
    this.#text = text;
    this.#pages = 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#refresh(), TYPED_MS);
  }

  async #showMore() {
    this.#pages += 1;
    await this.refreshNow();
  }

  async #refresh() {
    this.#timer = null;
    const text = this.#text;
    try {
      const found = await this.#fetch(text);
      if (text === this.#text) this.#draw(found);
    } catch {
      // Lost connection or left room: the next change brings a new list.
    }
  }

  async #fetch(text) {
    const members = [];
    let cursor = '';
    for (let page = 0; page < this.#pages; page += 1) {
      const asked = { cursor, count: MEMBERS_PER_PAGE };
      const answer = await (text ? this.#client.searchAudience({ text, ...asked }) : this.#client.listAudience(asked));
      members.push(...answer.members);
      cursor = answer.cursor;
      if (!cursor) break;
    }
    return { members, hasMore: Boolean(cursor) };
  }

  #draw({ members, hasMore }) {
    this.#names.learn(members);
    redraw(byId('audience'), members.map((member) => this.#item(member)));
    byId('audience-empty').hidden = members.length > 0;
    byId('audience-empty').textContent = say(this.#text ? 'nobody_found' : 'nobody_watching');
    const isWorthIt = this.#text !== '' || hasMore || members.length > FEW;
    byId('people-search').hidden = !isWorthIt || !this.#client.hasFeature('search');
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
      roleBadge(this.#client.room, userid),
      this.#items(member).length > 0
        && menuButton(say('member_menu', { name }), `member-${userid}`, () => this.#items(member)),
    ]);
  }
}
