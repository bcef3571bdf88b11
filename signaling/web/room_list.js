/**
 * The rooms that are live now, as cards: by pages, kept up to date, in the order of the server. A card stays the same
 * element for as long as its room is listed, so that focus, hover and a running preview survive a refresh.
 */

import { byId, guarded } from './dom.js';
import { roomCard, updateRoomCard } from './room_card.js';
import { say } from './words.js';

const ROOMS_PER_PAGE = 24;
const REFRESH_EVERY_MS = 3000;

/** So far below the screen the next page is fetched. */
const AHEAD = '600px';

export class RoomList {
  #cards = new Map();
  #pages = 1;
  #turn = 0;
  #source = null;
  #observer = null;
  #list = byId('rooms');
  #more = byId('more-rooms');
  #empty = byId('rooms-empty');
  #parts;

  /**
   * @param {object} parts
   * @param {(userid: string) => void} parts.showOwner
   * @param {(card: HTMLElement, room_id: string) => void} parts.onCard  a card is there
   * @param {(room_id: string) => void} parts.onGone  its room is not listed any more
   * @param {() => void} parts.onChange  cards came, went or changed
   */
  constructor(parts) {
    this.#parts = parts;
    const more = guarded(() => this.#showMore());
    this.#more.addEventListener('click', more);
    this.#observer = new IntersectionObserver((entries) => {
      if (entries.at(-1).isIntersecting) more({ currentTarget: this.#more });
    }, { rootMargin: `0px 0px ${AHEAD}` });
  }

  /**
   * Shows the rooms of another source from now on.
   * @param {(page: {cursor: string, count: number}) => Promise<{rooms: object[], cursor: string}>} fetch
   * @param {string} nothing  what to say when there are none
   */
  async show(fetch, nothing) {
    this.#source = { fetch, nothing, isNew: true };
    this.#pages = 1;
    this.#list.setAttribute('aria-busy', 'true');
    try {
      await this.refresh();
    } finally {
      this.#list.removeAttribute('aria-busy');
    }
  }

  /** Fetches all pages that are shown. What is overtaken by another refresh is dropped. */
  async refresh() {
    this.#turn += 1;
    const turn = this.#turn;
    const source = this.#source;
    const rooms = [];
    let cursor = '';
    for (let page = 0; page < this.#pages; page += 1) {
      const answer = await source.fetch({ cursor, count: ROOMS_PER_PAGE });
      if (turn !== this.#turn) return;
      rooms.push(...answer.rooms);
      cursor = answer.cursor;
      if (!cursor) break;
    }
    this.#draw(rooms, source);
    this.#more.hidden = !cursor;
    // Observed anew, it tells whether it is in reach still.
    this.#observer.disconnect();
    if (cursor) this.#observer.observe(this.#more);
  }

  /** Milliseconds until the next refresh: the more is shown, the longer. */
  get pause() {
    return REFRESH_EVERY_MS * Math.ceil(this.#pages / 2);
  }

  async #showMore() {
    this.#pages += 1;
    await this.refresh();
  }

  #draw(rooms, source) {
    const listed = new Map(rooms.map((room) => [room.room_id, room]));
    for (const [id, card] of this.#cards) if (!listed.has(id)) this.#remove(id, card);
    for (const room of listed.values()) updateRoomCard(this.#cards.get(room.room_id) ?? this.#add(room), room);
    if (source.isNew || !this.#isInUse) this.#sort([...listed.keys()]);
    source.isNew = false;
    this.#empty.textContent = source.nothing;
    this.#empty.hidden = listed.size > 0;
    this.#parts.onChange();
  }

  /** Nothing moves away under a finger, a pointer or the focus. */
  get #isInUse() {
    return this.#list.matches(':hover, :focus-within') || this.#list.querySelector('.previewing') !== null;
  }

  #sort(ids) {
    const wanted = ids.map((id) => this.#cards.get(id));
    if (wanted.some((card, index) => this.#list.children[index] !== card)) this.#list.append(...wanted);
  }

  #add(room) {
    const card = roomCard(room, this.#parts.showOwner);
    this.#cards.set(room.room_id, card);
    this.#list.append(card);
    this.#parts.onCard(card, room.room_id);
    return card;
  }

  #remove(id, card) {
    this.#cards.delete(id);
    this.#parts.onGone(id);
    card.remove();
  }
}

/** What to say when a filter finds nothing. */
export const NOTHING = {
  all: () => say('no_rooms'),
  followed: () => say('no_followed_rooms'),
  category: () => say('no_rooms_here'),
  search: (text) => say('no_rooms_found', { text }),
};
