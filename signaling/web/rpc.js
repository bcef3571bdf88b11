/**
 * One WebSocket speaking JSON-RPC 2.0: requests with their responses, and notifications.
 *
 * It lives as long as its socket. Coming back after a loss, logging in and everything that has a meaning is the affair of
 * live_client.js.
 */

import { LiveError } from './errors.js';

const ANSWER_WITHIN_MS = 10_000;
const OPEN_WITHIN_MS = 8_000;

export class RpcConnection {
  #socket;
  #waiting = new Map();
  #lastId = 0;
  #lastFrameAt = 0;
  #onNotification;
  #onClose;
  #opened;

  /**
   * @param {string} url
   * @param {(method: string, params: object) => void} onNotification
   * @param {() => void} onClose  called once, however the socket ended, unless by `close()`
   */
  constructor(url, onNotification, onClose) {
    this.#onNotification = onNotification;
    this.#onClose = onClose;
    this.#socket = new WebSocket(url);
    this.#socket.onmessage = (event) => this.#receive(event.data);
    this.#opened = this.#open();
  }

  /** Resolves when the socket is open; rejects with `connect_failed`. */
  get opened() {
    return this.#opened;
  }

  get isOpen() {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /**
   * @param {string} method
   * @param {object} [params]
   * @returns {Promise<object>} the result; rejects with a LiveError
   */
  request(method, params = {}) {
    if (!this.isOpen) return Promise.reject(LiveError.local('connection_lost'));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#expire(id, performance.now() - ANSWER_WITHIN_MS), ANSWER_WITHIN_MS);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    });
  }

  /** Closes the socket on purpose: nobody is told, requests on the way fail with `closed`. */
  close() {
    this.#onClose = () => {};
    this.#end('closed');
  }

  #open() {
    return new Promise((resolve, reject) => {
      const fail = () => {
        reject(LiveError.local('connect_failed'));
        this.#end('connection_lost');
      };
      const timer = setTimeout(fail, OPEN_WITHIN_MS);
      this.#socket.onopen = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#socket.onclose = () => {
        clearTimeout(timer);
        fail();
      };
    });
  }

  #receive(text) {
    this.#lastFrameAt = performance.now();
    const { id, method, params, result, error } = JSON.parse(text);
    if (method !== undefined) return this.#onNotification(method, params ?? {});
    const request = this.#take(id);
    if (!request) return;
    if (error) request.reject(LiveError.fromServer(error));
    else request.resolve(result);
  }

  #take(id) {
    const request = this.#waiting.get(id);
    this.#waiting.delete(id);
    clearTimeout(request?.timer);
    return request;
  }

  /** A browser sees no WebSocket pings: an unanswered request without any other frame since is how a dead socket shows. */
  #expire(id, sentAt) {
    this.#take(id)?.reject(LiveError.local('timeout'));
    if (this.#lastFrameAt <= sentAt) this.#end('connection_lost');
  }

  #end(reason) {
    this.#socket.onopen = this.#socket.onclose = this.#socket.onmessage = null;
    this.#socket.close();
    for (const id of [...this.#waiting.keys()]) this.#take(id).reject(LiveError.local(reason));
    const tell = this.#onClose;
    this.#onClose = () => {};
    tell();
  }
}
