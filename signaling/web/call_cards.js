/** What waits for a host's answer, as cards above the stage: each with its time and two buttons. */

import { avatar, byId, element, guarded } from './dom.js';
import { countdown } from './countdown.js';
import { say } from './words.js';

export class CallCards {
  #place = byId('calls');
  #cards = new Map();

  /**
   * Puts a card in; one that is there already stays as it is.
   * @param {string} id
   * @param {{userid: string, name: string, text: string, until: number|null, answer: (accept: boolean) => Promise}} call
   */
  show(id, { userid, name, text, until, answer }) {
    if (this.#cards.has(id)) return;
    const button = (accept) => element('button', {
      class: accept ? 'primary small' : 'quiet small', type: 'button', text: say(accept ? 'accept' : 'reject'),
      on: { click: guarded(() => answer(accept)) } });
    const card = element('li', { class: 'call', data: { call: id } }, [
      avatar(userid, name),
      element('span', { class: 'call-text', text }),
      until !== null && countdown(until),
      element('span', { class: 'call-buttons' }, [button(true), button(false)]),
    ]);
    this.#cards.set(id, card);
    this.#place.append(card);
    this.#place.hidden = false;
  }

  /** Takes away all cards but these. @param {Set<string>} ids */
  keep(ids) {
    for (const [id, card] of this.#cards) {
      if (ids.has(id)) continue;
      card.remove();
      this.#cards.delete(id);
    }
    this.#place.hidden = this.#cards.size === 0;
  }
}
