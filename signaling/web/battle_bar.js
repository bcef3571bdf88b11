/**
 * The battle (PK) as everybody in its rooms sees it: who has how many points, how long it goes on, who has won. One's own
 * room is always the first, on the left.
 */

import { byId, element } from './dom.js';
import { alliedRoom } from './alliance_state.js';
import { setCountdown } from './countdown.js';
import { language, say } from './words.js';

/** The outcome shows at least so long, also when the battle has no punishment. */
const OUTCOME_MS = 6000;

/** Who has nothing is still seen in the bar. */
const LEAST_SHARE = 0.06;

const numbers = new Intl.NumberFormat(language);

/** `{room_id, score, share, isIn, hasWon}` of each room, one's own first. Pure. */
export function standings(own, { rooms, scores, winners, phase }) {
  const ids = Object.keys(scores).sort((one, other) => Number(other === own) - Number(one === own));
  const sum = ids.reduce((total, id) => total + scores[id], 0);
  const raw = ids.map((id) => Math.max(LEAST_SHARE, sum === 0 ? 1 / ids.length : scores[id] / sum));
  const all = raw.reduce((total, share) => total + share, 0);
  return ids.map((id, index) => ({
    room_id: id, score: scores[id], share: raw[index] / all, isIn: rooms.includes(id),
    hasWon: phase === 'punishment' && winners.includes(id) }));
}

/** How it ended for one's own room: `won`, `lost` or `draw`. Pure. */
export function outcomeFor(own, winners) {
  if (winners.length !== 1) return winners.includes(own) || winners.length === 0 ? 'draw' : 'lost';
  return winners[0] === own ? 'won' : 'lost';
}

export class BattleBar {
  #onStandings;
  #shown = null;
  #last = null;
  #room = null;
  #until = 0;
  #timer = null;
  #drawn = '';

  /** @param {(standings: object[]) => void} onStandings  what they are now; empty without a battle */
  constructor(onStandings) {
    this.#onStandings = onStandings;
  }

  /** Shows the room's battle, if it has one that runs or was decided. */
  show(room) {
    const { battle } = room;
    if (battle && battle.phase !== 'waiting') {
      this.#last = this.#shown = battle;
      this.#until = 0;
      // When the link has ended before, the names are still those that it had.
      if (room.link || !this.#room) this.#room = room;
    } else if (performance.now() >= this.#until) {
      this.#shown = null;
    }
    this.#draw();
  }

  /** Takes a `battle.ended`: one without a punishment is shown for a while all the same. */
  ended({ battle_id, scores, winners, punishment_until: until }) {
    if (until !== null || this.#last?.battle_id !== battle_id) return;
    this.#keep({ ...this.#last, scores, winners, phase: 'punishment', until: null });
  }

  stop() {
    clearTimeout(this.#timer);
  }

  #keep(battle) {
    this.#shown = battle;
    this.#until = performance.now() + OUTCOME_MS;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#shown === battle) this.#shown = null;
      this.#draw();
    }, OUTCOME_MS);
    this.#draw();
  }

  #draw() {
    const facts = JSON.stringify([this.#shown, this.#room?.link]);
    if (facts === this.#drawn) return;
    this.#drawn = facts;
    byId('battle').hidden = this.#shown === null;
    if (!this.#shown) {
      byId('battle-result').replaceChildren();
      return this.#onStandings([]);
    }
    const own = this.#room.room_id;
    const nameOf = (id) => alliedRoom(this.#room, id).name;
    const all = standings(own, this.#shown).map((each) => ({ ...each, name: nameOf(each.room_id) }));
    byId('battle').dataset.rooms = String(all.length);
    this.#drawEnds(all);
    this.#drawBar(all);
    this.#drawRanks(all);
    this.#drawTime();
    this.#drawResult(own, all);
    this.#onStandings(all);
  }

  /** The two ends: one's own room and the other one, or of several the best of the others. */
  #drawEnds(all) {
    const [first, ...others] = all;
    const best = others.reduce((one, other) => (other.score > one.score ? other : one));
    for (const [side, { name, score }] of [['own', first], ['other', best]]) {
      byId(`battle-${side}-name`).textContent = name;
      byId(`battle-${side}-score`).textContent = numbers.format(score);
    }
    byId('battle-other').dataset.side = String(all.indexOf(best));
  }

  #drawBar(all) {
    const bar = byId('battle-bar');
    if (bar.childElementCount !== all.length) {
      bar.replaceChildren(...all.map((_, index) => element('i', { data: { side: index } })));
    }
    all.forEach(({ share, isIn }, index) => {
      bar.children[index].style.setProperty('--share', share.toFixed(4));
      bar.children[index].classList.toggle('out', !isIn);
    });
    const inWords = all.map(({ name, score }) => say('battle_score', { name, count: numbers.format(score) }));
    bar.setAttribute('aria-label', inWords.join(', '));
  }

  #drawRanks(all) {
    byId('battle-ranks').hidden = all.length < 3;
    byId('battle-ranks').replaceChildren(...(all.length < 3 ? [] : all.map(({ name, score, isIn }, index) => (
      element('li', { class: isIn ? '' : 'out', data: { side: index } }, [
        element('i'), element('span', { class: 'rank-name', text: name }),
        element('b', { text: numbers.format(score) }),
      ])))));
  }

  #drawTime() {
    const { phase, until } = this.#shown;
    byId('battle-phase').textContent = say(phase === 'punishment' ? 'punishment' : 'pk');
    setCountdown(byId('battle-time'), until, phase === 'punishment' ? 'seconds' : 'clock');
  }

  #drawResult(own, all) {
    const place = byId('battle-result');
    if (this.#shown.phase !== 'punishment') return place.replaceChildren();
    const outcome = outcomeFor(own, this.#shown.winners);
    const winners = all.filter(({ hasWon }) => hasWon).map(({ name }) => name);
    const sentence = winners.length === 1
      ? say('battle_winner', { name: winners[0] }) : say('battle_draw_of', { names: winners.join(', ') });
    const points = all.map(({ score }) => numbers.format(score)).join(' : ');
    place.dataset.outcome = outcome;
    place.replaceChildren(
      element('strong', { text: say(`battle_${outcome}`) }),
      element('span', { text: sentence }),
      element('span', { class: 'battle-points', text: points }),
    );
  }
}
