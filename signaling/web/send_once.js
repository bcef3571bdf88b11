/**
 * Requests that must count once and be sent twice: who did not hear the answer sends the same id again, and the server
 * knows it.
 */

const ATTEMPTS = 3;

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
 * @returns {Promise<T>}
 */
export async function sendUntilAnswered(send) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      if (error.name !== 'timeout' || attempt === ATTEMPTS) throw error;
    }
  }
}
