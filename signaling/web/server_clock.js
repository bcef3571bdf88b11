/**
 * The server's clock, as far as this side can know it: one reading, taken when half of the way there and back was over.
 *
 * Pure: readings go in. Unix seconds everywhere; `here` is this side's own clock.
 */

export class ServerClock {
  #ahead = 0;

  /**
   * @param {number|undefined} there  what the server's clock said; a server that does not tell has ours
   * @param {number} asked  our clock when it was asked
   * @param {number} answered  and when the answer was there
   */
  read(there, asked, answered) {
    this.#ahead = Number.isFinite(there) ? there - (asked + answered) / 2 : 0;
  }

  /** The server's time at our time `here`. */
  at(here) {
    return here + this.#ahead;
  }
}
