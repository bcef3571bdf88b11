/**
 * Gifts on the room page: the panel they are chosen in, and how one that was given is shown over the stage. An edition
 * without gifts has no button.
 */

import { readGift } from './chat.js';
import { byId, element, guarded, hueOf, initials, picture } from './dom.js';
import { SendIds } from './send_once.js';
import { language, say } from './words.js';

const SHOWN_MS = 3200;

/** What waits to be shown; of more than that, the oldest are left out. They are in the chat all the same. */
const MOST_WAITING = 20;

const COUNTS = [1, 10, 66, 99, 520];

export class Gifts {
  #client;
  #gifts = new Map();
  #chosen = null;
  #show = new GiftShow();
  #sendIds = new SendIds();

  /** @param {import('./live_client.js').LiveClient} client */
  constructor(client) {
    this.#client = client;
    const counts = COUNTS.map((count) => element('option', { value: count, text: `× ${count}` }));
    byId('gift-count').replaceChildren(...counts);
    byId('gift-count').addEventListener('change', () => this.#showSum());
    byId('open-gifts').addEventListener('click', () => this.#open());
    byId('gifts-close').addEventListener('click', () => byId('gifts').close());
    byId('gifts-form').addEventListener('submit', (event) => event.preventDefault());
    byId('gift-send').addEventListener('click', guarded(() => this.#send()));
    byId('gift-choices').addEventListener('change', (event) => this.#choose(event.target.value));
  }

  /** Asks what there is. Without gifts, or without the right to them, the button stays away. */
  async load() {
    let list = { gifts: [] };
    try {
      list = await this.#client.listGifts(language);
    } catch (error) {
      if (error.isNetwork) throw error;
    }
    this.#gifts = new Map(list.gifts.map((gift) => [gift.gift_id, gift]));
    byId('open-gifts').hidden = this.#gifts.size === 0;
    this.#draw();
  }

  /** The name of a gift, or a word for one that is not known. */
  nameOf(gift_id) {
    return this.#gifts.get(gift_id)?.name || say('some_gift');
  }

  /** Shows those among the messages that are gifts. @param {object[]} messages */
  show(messages) {
    for (const { kind, userid, name, data } of messages) {
      if (kind !== 'gift') continue;
      const { gift_id, count } = readGift(data);
      const gift = this.#gifts.get(gift_id) ?? { gift_id, name: say('some_gift') };
      this.#show.add({ gift, count, name: name || userid || '' });
    }
  }

  stop() {
    this.#show.stop();
  }

  #draw() {
    const gifts = [...this.#gifts.values()];
    if (!this.#gifts.has(this.#chosen)) this.#chosen = gifts[0]?.gift_id ?? null;
    byId('gift-choices').replaceChildren(...gifts.map((gift) => this.#choice(gift)));
    this.#showSum();
  }

  #choice(gift) {
    const radio = element('input', { type: 'radio', name: 'gift', value: gift.gift_id, class: 'unseen' });
    radio.checked = gift.gift_id === this.#chosen;
    return element('label', { class: 'gift', title: gift.desc ?? '' }, [
      radio,
      giftPicture(gift),
      element('span', { class: 'gift-name', text: gift.name }),
      element('span', { class: 'gift-price', text: inCoins(gift.coins) }),
    ]);
  }

  #open() {
    byId('gifts').showModal();
    byId('gift-choices').querySelector('input:checked')?.focus();
  }

  #choose(gift_id) {
    this.#chosen = gift_id;
    this.#showSum();
  }

  #showSum() {
    const coins = this.#gifts.get(this.#chosen)?.coins ?? 0;
    byId('gift-sum').textContent = inCoins(coins * Number(byId('gift-count').value));
  }

  async #send() {
    if (this.#chosen === null) return;
    const gift = { gift_id: this.#chosen, count: Number(byId('gift-count').value) };
    await this.#sendIds.send(JSON.stringify(gift), (send_id) => this.#client.sendGift({ ...gift, send_id }));
    byId('gifts').close();
  }
}

/** One gift after the other, over the stage and without taking a click from it. */
class GiftShow {
  #waiting = [];
  #timer = null;

  add(given) {
    this.#waiting = [...this.#waiting, given].slice(-MOST_WAITING);
    if (this.#timer === null) this.#next();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#waiting = [];
    byId('gift-show').replaceChildren();
  }

  #next() {
    const given = this.#waiting.shift();
    byId('gift-show').replaceChildren(...(given ? [card(given)] : []));
    this.#timer = given ? setTimeout(() => this.#next(), SHOWN_MS) : null;
  }
}

function inCoins(count) {
  return count === 1 ? say('coin') : say('coins', { count });
}

function card({ gift, count, name }) {
  return element('div', { class: 'gift-card' }, [
    giftPicture(gift),
    element('span', { class: 'gift-words' }, [
      element('strong', { text: name }), element('span', { text: gift.name }),
    ]),
    element('span', { class: 'gift-times', text: `× ${count}` }),
  ]);
}

/** The gift's icon, or its initial in a colour of its own; an icon that does not load is none. */
function giftPicture({ gift_id, name, icon_url: address }) {
  const letters = initials(name || '?');
  const made = element('span', { class: 'gift-picture', text: letters, 'aria-hidden': 'true' }, [picture(address)]);
  made.style.setProperty('--hue', String(hueOf(gift_id)));
  return made;
}
