/**
 * How hosts call a battle, answer a call, and get out of it: their part of the panel, and the card of a call.
 */

import { byId, element, guarded, toast } from './dom.js';
import { alliedRoom } from './alliance_state.js';
import { countdown } from './countdown.js';
import { say } from './words.js';

/** So long a call waits for the hosts of the other rooms. */
const WAITS_S = 30;

const DURATIONS_S = [60, 120, 180, 300];
const USUAL_S = 300;

export class BattleDesk {
  #client;
  #cards;
  #confirmed;
  #drawn = '';

  /**
   * @param {import('./live_client.js').LiveClient} client
   * @param {import('./call_cards.js').CallCards} cards
   * @param {(yes: string, question: string, explained: string) => Promise<boolean>} confirmed
   */
  constructor(client, cards, confirmed) {
    this.#client = client;
    this.#cards = cards;
    this.#confirmed = confirmed;
    byId('battle-durations').append(...DURATIONS_S.map(durationChoice));
    byId('battle-form').addEventListener('submit', (event) => event.preventDefault());
    byId('battle-start').addEventListener('click', guarded(() => this.#start()));
    byId('battle-cancel').addEventListener('click', guarded(() => this.#cancel()));
    byId('battle-exit').addEventListener('click', guarded(() => this.#exit()));
  }

  /** The id of the card that is wanted, if one is. */
  get cards() {
    return this.#isCalled ? [this.#client.room.battle.battle_id] : [];
  }

  /** Shows the battle, or what it takes to call one. */
  draw() {
    const { room } = this.#client;
    if (!room) return;
    if (this.#isCalled) this.#showCard(room);
    const { link, battle } = room;
    const facts = JSON.stringify([link, battle?.battle_id, battle?.phase, battle?.unanswered]);
    if (facts === this.#drawn) return;
    this.#drawn = facts;
    const hadFocus = byId('battle-part').contains(document.activeElement);
    byId('battle-part').hidden = !link;
    byId('battle-form').hidden = Boolean(battle);
    byId('battle-state').hidden = !battle;
    if (link) this.#drawRooms(room, link);
    if (battle) this.#drawState(room, battle);
    // What was pressed is gone now; the focus stays in the panel.
    if (hadFocus && !document.activeElement.checkVisibility()) byId('alliances-close').focus();
  }

  /** Takes a `battle.answered`: a room that was called does not come. */
  answered(room, { room_id: id, outcome }) {
    if (id === room.room_id || outcome === 'accepted') return;
    const name = alliedRoom(room, id).name;
    if (outcome === 'rejected') toast(say('battle_rejected', { name }));
    if (outcome === 'timeout') toast(say('battle_timeout', { name }));
  }

  /** Takes a `battle.ended` of one that never started. */
  ended({ reason, scores }) {
    if (!this.#client.isHost || Object.keys(scores).length > 0) return;
    if (reason === 'nobody_joined') toast(say('battle_nobody_joined'));
    if (reason === 'cancelled') toast(say('battle_cancelled'));
  }

  get #isCalled() {
    const { room, isHost } = this.#client;
    return Boolean(isHost && room.battle?.phase === 'waiting' && room.battle.unanswered.includes(room.room_id));
  }

  #showCard(room) {
    const { battle_id: id, by, until, duration_s: seconds } = room.battle;
    const { name, owner, owner_name: ownerName } = alliedRoom(room, by);
    const text = say('battle_asked', { name: ownerName, room: name, count: inMinutes(seconds) });
    const answer = (accept) => this.#client.alliances.answerBattle(id, accept);
    this.#cards.show(id, { userid: owner, name: ownerName, text, until, answer });
  }

  #drawRooms(room, link) {
    const others = link.rooms.filter(({ room_id: id }) => id !== room.room_id);
    byId('battle-rooms').replaceChildren(...others.map(({ room_id: id, name }) => {
      const box = element('input', { type: 'checkbox', value: id });
      box.checked = true;
      return element('label', { class: 'check' }, [box, element('span', { text: name || id })]);
    }));
    byId('battle-rooms').hidden = others.length < 2;
  }

  #drawState(room, { phase, by, until }) {
    const isOwn = by === room.room_id;
    const form = phase === 'waiting' ? 'seconds' : 'clock';
    const left = until === null ? [] : [countdown(until, form)];
    byId('battle-state-text').replaceChildren(say(`battle_is_${phase}`), ' ', ...left);
    byId('battle-cancel').hidden = !(phase === 'waiting' && isOwn);
    byId('battle-exit').hidden = phase !== 'running';
  }

  async #start() {
    const chosen = (selector) => [...document.querySelectorAll(selector)].map(({ value }) => value);
    const rooms = chosen('#battle-rooms input:checked');
    const [seconds] = chosen('#battle-durations input:checked');
    const need_response = byId('battle-asks').checked;
    if (rooms.length === 0) return toast(say('battle_needs_room'), 'error');
    const options = { duration_s: Number(seconds), need_response, timeout_s: WAITS_S };
    const { refused } = await this.#client.alliances.createBattle(rooms, options);
    const nameOf = (id) => alliedRoom(this.#client.room, id).name;
    for (const id of Object.keys(refused)) toast(say('battle_passed_over', { name: nameOf(id) }));
  }

  async #cancel() {
    await this.#client.alliances.cancelBattle(this.#client.room.battle.battle_id);
  }

  async #exit() {
    const { battle } = this.#client.room;
    if (!await this.#confirmed('battle_exit', say('battle_exit_question'), say('battle_exit_explained'))) return;
    await this.#client.alliances.exitBattle(battle.battle_id);
  }
}

function durationChoice(seconds) {
  const radio = element('input', { type: 'radio', name: 'battle-duration', value: seconds, class: 'unseen' });
  radio.checked = seconds === USUAL_S;
  return element('label', { class: 'choice' }, [radio, element('span', { text: inMinutes(seconds) })]);
}

function inMinutes(seconds) {
  return seconds % 60 === 0 ? say('minutes', { count: seconds / 60 }) : say('seconds', { count: seconds });
}
