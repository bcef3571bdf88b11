/**
 * Links and battles: what hosts of different rooms ask of each other. Hosts only, besides the two `info`s.
 *
 * A part of LiveClient, as `client.alliances`. How requests end, and what becomes of a link and a battle, comes as
 * notifications; `room.link` and `room.battle` follow them (alliance_state.js).
 */

export class Alliances {
  #ask;

  /** @param {(method: string, params?: object) => Promise<object>} ask */
  constructor(ask) {
    this.#ask = ask;
  }

  /**
   * Asks another room to be linked with this one. How it ends comes as `link.request_ended`.
   * @param {string} room_id
   * @param {{timeout_s?: number, extra?: string}} [options]  `timeout_s` 0: it waits for ever
   * @returns {Promise<object>} LinkRequest
   */
  requestLink(room_id, options = {}) {
    return this.#ask('link.request', { room_id, ...options });
  }

  /** Answers what another room has asked. */
  async answerLink(request_id, accept) {
    await this.#ask('link.answer', { request_id, accept });
  }

  /** Takes a request of this room back. */
  async cancelLink(request_id) {
    await this.#ask('link.cancel', { request_id });
  }

  /** Leaves the link, and the battle with it. */
  async exitLink() {
    await this.#ask('link.exit');
  }

  /** @returns {Promise<{link: object|null, requests: object[]}>} the requests for hosts only */
  linkInfo() {
    return this.#ask('link.info');
  }

  /**
   * Calls linked rooms to a battle. Those that cannot join are passed over, and named in `refused`.
   * @param {string[]} rooms
   * @param {{duration_s?: number, need_response?: boolean, timeout_s?: number, extra?: string}} [options]
   * @returns {Promise<{battle_id: string, refused: Record<string, {code: number, name: string}>}>}
   */
  createBattle(rooms, options = {}) {
    return this.#ask('battle.create', { rooms, ...options });
  }

  /** Answers a call to a battle. */
  async answerBattle(battle_id, accept) {
    await this.#ask('battle.answer', { battle_id, accept });
  }

  /** Takes a call of this room back, before the start. */
  async cancelBattle(battle_id) {
    await this.#ask('battle.cancel', { battle_id });
  }

  /** Leaves a battle that runs: this room cannot win any more. */
  async exitBattle(battle_id) {
    await this.#ask('battle.exit', { battle_id });
  }

  /** @returns {Promise<{battle: object|null}>} */
  battleInfo() {
    return this.#ask('battle.info');
  }
}
