/**
 * Looking into rooms before entering one: which rooms this connection looks into, and that it still does after a lost
 * connection. What is seen comes in as any stream, with the `room_id` it comes from.
 */

export class Previews {
  #rooms = new Set();
  #request;

  /** @param {(method: string, params?: object) => Promise<object>} request */
  constructor(request) {
    this.#request = request;
  }

  /** The rooms that are looked into. @returns {Set<string>} */
  get rooms() {
    return new Set(this.#rooms);
  }

  /** @param {string} room_id */
  async start(room_id) {
    this.#rooms.add(room_id);
    try {
      await this.#request('preview.start', { room_id });
    } catch (error) {
      if (!error.isNetwork) this.#rooms.delete(room_id);
      throw error;
    }
  }

  /** @param {string} room_id */
  async stop(room_id) {
    if (this.#rooms.delete(room_id)) await this.#request('preview.stop', { room_id });
  }

  /** The server has ended one. @param {string} room_id */
  ended(room_id) {
    this.#rooms.delete(room_id);
  }

  /** A room is about to be entered: nothing is looked into any more. Nobody waits for the answers. */
  stopAll() {
    for (const room_id of this.rooms) this.stop(room_id).catch(() => {});
  }

  /** The connection is back; what the server does not show any more is over. */
  async resume() {
    for (const room_id of this.rooms) {
      try {
        await this.start(room_id);
      } catch (error) {
        if (error.isNetwork) throw error;
      }
    }
  }

  /** All is over, and the server knows. */
  clear() {
    this.#rooms.clear();
  }
}
