/**
 * How hosts connect their room with others: the panel with the live rooms that can be asked and those that are connected,
 * and the cards of who asks. The panel is no modal dialog, for the live goes on beside it.
 */

import { avatar, byId, element, guarded, label, toast } from './dom.js';
import { countdown } from './countdown.js';
import { say } from './words.js';

/** Hosts are busy: so long a request waits for them. */
const WAITS_S = 30;

const ROOMS_PER_PAGE = 20;

export class CoHosts {
  #client;
  #cards;
  #confirmed;
  #requests = new Map();
  #found = [];
  #cursor = '';
  #drawn = '';
  #link = null;

  /**
   * @param {import('./live_client.js').LiveClient} client
   * @param {import('./call_cards.js').CallCards} cards
   * @param {(yes: string, question: string, explained: string) => Promise<boolean>} confirmed
   */
  constructor(client, cards, confirmed) {
    this.#client = client;
    this.#cards = cards;
    this.#confirmed = confirmed;
    const onClick = (id, action) => byId(id).addEventListener('click', guarded(action));
    onClick('open-alliances', () => this.#toggle());
    onClick('alliances-close', () => this.#close());
    onClick('exit-link', () => this.#exit());
    onClick('refresh-candidates', () => this.#find());
    onClick('more-candidates', () => this.#findMore());
    document.addEventListener('keydown', ({ key }) => {
      if (key === 'Escape' && !document.querySelector('dialog:modal')) this.#close();
    });
  }

  /** The ids of the cards that are wanted. */
  get cards() {
    return [...this.#requests.values()].filter((request) => this.#isAsked(request)).map(({ request_id: id }) => id);
  }

  /** Asks what is pending: after entering, after a lost connection, and when this member has become a host. */
  async refresh() {
    this.#link = this.#client.room?.link ?? null;
    if (!this.#may) return;
    const { requests } = await this.#client.alliances.linkInfo();
    this.#requests = new Map(requests.map((request) => [request.request_id, request]));
    this.draw();
  }

  /** Takes a `link.requested`. */
  requested(request) {
    this.#requests.set(request.request_id, request);
    this.draw();
  }

  /** Takes a `link.request_ended`. */
  ended({ request_id: id, by, outcome }) {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    this.draw();
    if (!request || by !== this.#client.room?.room_id) return;
    const name = request.to.name || request.to.room_id;
    if (outcome === 'rejected') toast(say('link_rejected', { name }));
    if (outcome === 'timeout') toast(say('link_timeout', { name }));
  }

  /** Takes a `link.changed` or `link.ended`: who came, who left. */
  changed({ rooms = [], left }) {
    const own = this.#client.room?.room_id;
    const were = new Map((this.#link?.rooms ?? []).map((room) => [room.room_id, room]));
    this.#link = this.#client.room?.link ?? null;
    const came = rooms.filter(({ room_id: id }) => id !== own && !were.has(id));
    for (const { name, room_id: id } of came) toast(say('link_joined', { name: name || id }));
    if (left && left !== own && were.has(left)) toast(say('link_left', { name: were.get(left).name || left }));
    if (left && left === own) toast(say('link_over'));
  }

  /** Shows what is there now. */
  draw() {
    const { room } = this.#client;
    byId('open-alliances').hidden = !this.#may;
    if (!this.#may) this.#close();
    for (const request of this.#requests.values()) if (this.#isAsked(request)) this.#showCard(request);
    const facts = JSON.stringify([room?.link, [...this.#requests.keys()], this.#found, this.#cursor]);
    if (!room || facts === this.#drawn) return;
    this.#drawn = facts;
    this.#drawLinked(room);
    this.#drawCandidates(room);
  }

  stop() {
    this.#requests.clear();
    this.#close();
  }

  get #may() {
    return this.#client.isHost && this.#client.edition.features.includes('co_host');
  }

  #isAsked({ to }) {
    return this.#may && to.room_id === this.#client.room.room_id;
  }

  #showCard({ request_id: id, by, expires_at: until }) {
    const text = say('link_asked', { name: by.owner_name || by.owner, room: by.name || by.room_id });
    const answer = (accept) => this.#client.alliances.answerLink(id, accept);
    this.#cards.show(id, { userid: by.owner, name: by.owner_name || by.owner, text, until, answer });
  }

  // ---- The panel -------------------------------------------------------------------------------------------------

  async #toggle() {
    if (byId('alliances').open) return this.#close();
    byId('alliances').show();
    byId('open-alliances').setAttribute('aria-expanded', 'true');
    byId('alliances-close').focus();
    await this.#find();
  }

  #close() {
    const panel = byId('alliances');
    if (!panel.open) return;
    const hadFocus = panel.contains(document.activeElement);
    panel.close();
    byId('open-alliances').setAttribute('aria-expanded', 'false');
    if (hadFocus) byId('open-alliances').focus();
  }

  #drawLinked(room) {
    const rooms = room.link?.rooms ?? [];
    byId('linked-part').hidden = rooms.length === 0;
    byId('linked-rooms').replaceChildren(...rooms.map((each) => roomItem(each, room.room_id)));
  }

  async #exit() {
    if (!await this.#confirmed('exit_link', say('exit_link_question'), say('exit_link_explained'))) return;
    await this.#client.alliances.exitLink();
  }

  // ---- Rooms that can be asked -----------------------------------------------------------------------------------

  async #find() {
    this.#found = [];
    this.#cursor = '';
    await this.#findMore();
  }

  async #findMore() {
    const { rooms, cursor } = await this.#client.listRooms({ cursor: this.#cursor, count: ROOMS_PER_PAGE });
    const known = new Set(this.#found.map(({ room_id: id }) => id));
    this.#found = [...this.#found, ...rooms.filter(({ room_id: id }) => !known.has(id))];
    this.#cursor = cursor;
    this.draw();
  }

  #drawCandidates(room) {
    const taken = new Set([room.room_id, ...(room.link?.rooms ?? []).map(({ room_id: id }) => id)]);
    const candidates = this.#found.filter(({ room_id: id }) => !taken.has(id));
    const list = byId('candidates');
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.ask : undefined;
    list.replaceChildren(...candidates.map((card) => roomItem(card, null, this.#askParts(room, card))));
    if (focused) list.querySelector(`[data-ask="${CSS.escape(focused)}"]`)?.focus();
    byId('no-candidates').hidden = candidates.length > 0;
    byId('more-candidates').hidden = this.#cursor === '';
  }

  #askParts(room, { room_id: id, name }) {
    const pending = [...this.#requests.values()].find(({ by, to }) => by.room_id === room.room_id && to.room_id === id);
    const { alliances } = this.#client;
    const press = pending
      ? () => alliances.cancelLink(pending.request_id)
      : async () => this.requested(await alliances.requestLink(id, { timeout_s: WAITS_S }));
    const button = element('button', {
      class: pending ? 'quiet small' : 'primary small', type: 'button', text: say(pending ? 'cancel' : 'ask_link'),
      data: { ask: id }, on: { click: guarded(press) } });
    label(button, say(pending ? 'cancel_link_name' : 'ask_link_name', { name: name || id }));
    return [pending && pending.expires_at !== null && countdown(pending.expires_at), button];
  }
}

/** A room in a list: its name, and under it whose it is. */
function roomItem({ room_id, name, owner, owner_name: ownerName }, own, parts = []) {
  const shown = name || room_id;
  return element('li', { data: { room: room_id } }, [
    avatar(owner, ownerName || owner),
    element('span', { class: 'room-words' }, [
      element('span', { class: 'list-name', text: room_id === own ? say('this_room', { name: shown }) : shown }),
      element('span', { class: 'hint', text: say('hosted_by', { name: ownerName || owner }) }),
    ]),
    ...parts,
  ]);
}
