/** The heart of the room page: tapping it, the total, and hearts that rise over the stage. */

import { byId, element, label, toastError } from './dom.js';
import { LikeCounter } from './like_counter.js';
import { say, shortNumber } from './words.js';

/** More hearts at once are a cloud, and cost frames. */
const MOST_HEARTS = 24;
const HEARTS_PER_BATCH = 6;
const RISES_MS = 2600;

const wantsCalm = matchMedia('(prefers-reduced-motion: reduce)');

export class Likes {
  #client;
  #counter = new LikeCounter((count) => this.#send(count));
  #total = 0;
  #unsent = 0;
  #untold = 0; // sent, and not yet among those that were counted

  /** @param {import('./live_client.js').LiveClient} client */
  constructor(client) {
    this.#client = client;
    byId('like').addEventListener('click', () => {
      this.#unsent += 1;
      this.#counter.tap();
      this.#showTotal();
      this.#rise(1);
    });
  }

  /** What the room has when one comes in. */
  setTotal(total) {
    this.#total = total;
    this.#showTotal();
  }

  /** Takes a `like.counted`. One's own hearts have risen already. */
  counted({ count, total }) {
    const others = Math.max(0, count - this.#untold);
    this.#untold = Math.max(0, this.#untold - count);
    this.setTotal(total);
    this.#rise(Math.min(others, HEARTS_PER_BATCH));
  }

  stop() {
    this.#counter.stop();
    byId('hearts').replaceChildren();
  }

  async #send(count) {
    this.#unsent = Math.max(0, this.#unsent - count);
    this.#untold += count;
    try {
      await this.#client.sendLikes(count);
    } catch (error) {
      this.#untold = Math.max(0, this.#untold - count);
      this.#showTotal();
      if (error.name !== 'too_frequent' && !error.isNetwork) toastError(error);
    }
  }

  #showTotal() {
    const count = this.#total + this.#unsent + this.#untold;
    byId('like-total').textContent = shortNumber(count);
    label(byId('like'), say('like', { count }));
  }

  #rise(count) {
    const place = byId('hearts');
    if (wantsCalm.matches || document.hidden) return;
    for (let n = 0; n < count && place.childElementCount < MOST_HEARTS; n += 1) {
      const heart = element('span', { class: 'heart', icon: 'heart' });
      heart.style.setProperty('--hue', String(320 + Math.floor(Math.random() * 60)));
      const sway = 40 * (Math.random() - 0.5);
      const frames = [
        { transform: 'translate(0, 0) scale(.4)', opacity: 0 },
        { transform: `translate(${sway}px, -50px) scale(1.1)`, opacity: 1, offset: 0.2 },
        { transform: `translate(${-sway}px, -220px) scale(.9)`, opacity: 0 },
      ];
      place.append(heart);
      const timing = { duration: RISES_MS, delay: n * 120, easing: 'ease-out', fill: 'backwards' };
      const motion = heart.animate(frames, timing);
      motion.onfinish = () => heart.remove();
    }
  }
}
