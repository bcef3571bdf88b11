/**
 * How the pictures are laid out: in a grid, or one large and the others small. What a host chooses holds for everybody
 * and is kept in the room's metadata; what a viewer chooses holds for this viewer, in this room.
 */

import { byId, guarded, setToggle } from './dom.js';

const KEY = 'layout';

export class Layout {
  #client;
  #onChosen;
  #place;
  #ofRoom = 'grid';

  /**
   * @param {import('./live_client.js').LiveClient} client
   * @param {string} roomId
   * @param {(layout: 'grid'|'float') => void} onChosen
   */
  constructor(client, roomId, onChosen) {
    this.#client = client;
    this.#place = `tally.layout.${roomId}`;
    this.#onChosen = onChosen;
    byId('layout').addEventListener('click', guarded(() => this.#toggle()));
  }

  /** What holds for this viewer. */
  get chosen() {
    return known(sessionStorage.getItem(this.#place)) ?? this.#ofRoom;
  }

  show() {
    setToggle(byId('layout'), this.chosen === 'float');
    this.#onChosen(this.chosen);
  }

  /** Asks what the hosts have chosen before this member came. */
  async refresh() {
    const { metadata } = await this.#client.metadata();
    this.changed(metadata);
  }

  /** Takes the `changed` of a `room.metadata_changed`. */
  changed(values) {
    this.#ofRoom = known(values[KEY]) ?? this.#ofRoom;
    this.show();
  }

  async #toggle() {
    const other = this.chosen === 'float' ? 'grid' : 'float';
    if (!this.#client.isHost) {
      sessionStorage.setItem(this.#place, other);
      return this.show();
    }
    sessionStorage.removeItem(this.#place);
    await this.#client.setMetadata({ [KEY]: other });
    this.changed({ [KEY]: other });
  }
}

function known(layout) {
  return layout === 'grid' || layout === 'float' ? layout : null;
}
