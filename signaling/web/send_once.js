/**
 * Requests that must count once and be sent twice: who did not hear the answer sends the same id again, and the server
 * knows it.
 */

const ATTEMPTS = 3;

/** Silence of the server, and of the app's own server behind it. */
const SILENCE = new Set(['timeout', 'gift_unanswered']);

/** After these it may have counted, or still may. */
const OPEN = new Set([...SILENCE, 'connection_lost', 'request_conflict']);

/** How long the same, sent again by hand, is meant to be the same; signaling/README.md bounds it (`SendId`). */
const SAME_FOR_MS = 60_000;

/**
 * A UUID (version 4). `crypto.randomUUID` is there on secure pages only; a server in the house has http.
 * @returns {string}
 */
export function makeId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/**
 * Sends until there is an answer: a refusal is one, silence is not.
 * @template T
 * @param {() => Promise<T>} send  sends the same each time, its id too
 * @param {(attempt: number) => Promise<void>} wait  before the next attempt; from 0
 * @returns {Promise<T>}
 */
export async function sendUntilAnswered(send, wait) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      if (!SILENCE.has(error.name) || attempt === ATTEMPTS) throw error;
    }
    await wait(attempt - 1);
  }
}

/** The ids of what somebody sends by hand: who heard no answer, and sends the same again, must not pay twice. */
export class SendIds {
  #open = null;

  /**
   * @template T
   * @param {string} what  is sent
   * @param {(send_id: string) => Promise<T>} send
   * @param {number} [now]  in milliseconds
   * @returns {Promise<T>}
   */
  async send(what, send, now = Date.now()) {
    const isSame = this.#open?.what === what && now - this.#open.at < SAME_FOR_MS;
    const sent = isSame ? this.#open : { what, at: now, id: makeId() };
    this.#open = sent;
    try {
      const answer = await send(sent.id);
      this.#close(sent);
      return answer;
    } catch (error) {
      if (!OPEN.has(error.name)) this.#close(sent);
      throw error;
    }
  }

  #close(sent) {
    if (this.#open === sent) this.#open = null;
  }
}
