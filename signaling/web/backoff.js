/** How long to wait before trying again, and waiting that can be cut short. Not here: what is tried. */

const FIRST_MS = 500;
const LONGEST_MS = 10_000;

/**
 * The wait before attempt number `attempt` (from 0): 0.5 s doubling up to 10 s, of which a random half is taken off, so
 * that a thousand members who lost the same server do not all come back in the same instant.
 * @param {number} attempt
 * @param {() => number} [random]
 * @returns {number} milliseconds
 */
export function delayBefore(attempt, random = Math.random) {
  const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt);
  return Math.max(FIRST_MS, whole * (1 - random() / 2));
}

/**
 * Resolves after `ms`, or at once when `signal` aborts or the browser says that the network is back.
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      globalThis.removeEventListener('online', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    globalThis.addEventListener('online', done);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
