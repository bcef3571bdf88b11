/**
 * Likes are tapped faster than they may be sent: the first tap goes out at once, those of the next seconds together.
 *
 * Pure but for its timer; it knows neither the page nor the protocol.
 */

const SEND_EVERY_MS = 6000;
const MOST_AT_ONCE = 1000;

export class LikeCounter {
  #send;
  #everyMs;
  #waiting = 0;
  #timer = null;

  /**
   * @param {(count: number) => Promise} send  what fails is not tried again, a like is worth no second attempt
   * @param {number} [everyMs]
   */
  constructor(send, everyMs = SEND_EVERY_MS) {
    this.#send = send;
    this.#everyMs = everyMs;
  }

  /** One more like. */
  tap() {
    this.#waiting = Math.min(this.#waiting + 1, MOST_AT_ONCE);
    if (this.#timer === null) this.#flush();
  }

  /** Forgets what has not been sent. */
  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#waiting = 0;
  }

  #flush() {
    this.#timer = null;
    if (this.#waiting === 0) return;
    const count = this.#waiting;
    this.#waiting = 0;
    this.#timer = setTimeout(() => this.#flush(), this.#everyMs);
    this.#send(count);
  }
}
