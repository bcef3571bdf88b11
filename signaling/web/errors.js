/**
 * LiveError: the one kind of error the library throws.
 *
 * Refusals of the server keep the server's code, name and sentence. Network and device troubles, which the server cannot
 * know of, get theirs here; device codes are those of the public Live SDKs (-1100 .. -1111).
 */

import { say, sayRefusal } from './words.js';

const LOCAL_CODES = {
  connect_failed: -1302,
  connection_lost: -1302,
  timeout: -1300,
  closed: -1302,
  media_failed: -1302,
  unexpected_answer: -1301,
  insecure_page: -1100,
  camera_failed: -1100,
  camera_denied: -1101,
  camera_busy: -1102,
  camera_missing: -1103,
  microphone_failed: -1104,
  microphone_denied: -1105,
  microphone_busy: -1106,
  microphone_missing: -1107,
  screen_failed: -1108,
  screen_denied: -1109,
  screen_busy: -1110,
  screen_missing: -1111,
};

const NETWORK = new Set(['connect_failed', 'connection_lost', 'timeout']);

/** What getUserMedia and getDisplayMedia throw, as the ending of our own names. */
const DEVICE_TROUBLE = {
  NotAllowedError: 'denied',
  SecurityError: 'denied',
  NotFoundError: 'missing',
  OverconstrainedError: 'missing',
  NotReadableError: 'busy',
};

export class LiveError extends Error {
  /**
   * @param {object} facts
   * @param {number} facts.code  the protocol's number; negative for what happened on this side
   * @param {string} facts.name  a stable word for programs, such as `audience_full` or `camera_denied`
   * @param {string} facts.message  a sentence for people
   * @param {object} [facts.data]  more facts, such as `{limit, used}`
   * @param {unknown} [facts.cause]  the browser's own error
   */
  constructor({ code, name, message, data = {}, cause }) {
    super(message, { cause });
    this.code = code;
    this.name = name;
    this.data = data;
  }

  /** Whether trying again over a new connection can help. */
  get isNetwork() {
    return NETWORK.has(this.name);
  }

  /** The error object of a JSON-RPC response. */
  static fromServer({ code, message, data = {} }) {
    const name = data.name ?? 'unknown';
    return new LiveError({ code, message: sayRefusal(name, message, data), data, name });
  }

  /** An error that arose on this side, by the name it has in words.js. */
  static local(name, cause) {
    return new LiveError({ code: LOCAL_CODES[name], name, message: say(`error_${name}`), cause });
  }

  /**
   * What the browser said about a device, in words.
   * @param {'camera'|'microphone'|'screen'} device
   * @param {DOMException} cause
   */
  static fromDevice(device, cause) {
    return LiveError.local(`${device}_${DEVICE_TROUBLE[cause.name] ?? 'failed'}`, cause);
  }
}
