/**
 * The messages of a room on their way to the screen: each once, in order, and in batches, so that a loud room costs the
 * page no more than a few drawings a second.
 *
 * Pure but for its timer; it knows neither the page nor the protocol.
 */

const FLUSH_EVERY_MS = 300;

/** So many are kept; older ones are not worth drawing. */
export const MOST_MESSAGES = 500;

export class MessageFeed {
  #show;
  #everyMs;
  #waiting = [];
  #latest = 0;
  #flushedAt = -Infinity;
  #timer = null;

  /**
   * @param {(messages: object[]) => void} show  gets each message once, in the order of `sequence`
   * @param {number} [everyMs]
   */
  constructor(show, everyMs = FLUSH_EVERY_MS) {
    this.#show = show;
    this.#everyMs = everyMs;
  }

  /** Takes in messages; those that came before, by whatever way, are dropped. */
  add(messages) {
    const isNew = new Map(this.#waiting.map((message) => [message.sequence, message]));
    for (const message of messages) if (message.sequence > this.#latest) isNew.set(message.sequence, message);
    this.#waiting = [...isNew.values()].sort((one, other) => one.sequence - other.sequence).slice(-MOST_MESSAGES);
    if (this.#waiting.length === 0) return;
    this.#timer ??= setTimeout(() => this.#flush(), Math.max(0, this.#flushedAt + this.#everyMs - performance.now()));
  }

  /** Forgets what has not been shown. */
  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#waiting = [];
  }

  #flush() {
    this.#timer = null;
    this.#flushedAt = performance.now();
    const messages = this.#waiting;
    this.#waiting = [];
    this.#latest = messages.at(-1).sequence;
    this.#show(messages);
  }
}
