/** The host in the bar of its room: who it is, and the button that follows it. */

import { avatar, byId, element, guarded } from './dom.js';
import { followButton } from './follow_button.js';
import { say } from './words.js';

export class HostHeader {
  #client;
  #profiles;
  #owner = null;

  /**
   * @param {import('./live_client.js').LiveClient} client
   * @param {import('./profile.js').ProfileDialog} profiles
   */
  constructor(client, profiles) {
    this.#client = client;
    this.#profiles = profiles;
  }

  /** Shows the host of a room; who it is never changes. */
  show({ owner }) {
    if (owner === this.#owner) return;
    this.#owner = owner;
    // Without it the room is the same; its owner is among the seats.
    this.#client.profile(owner).then((profile) => this.#draw(profile)).catch(() => { this.#owner = null; });
  }

  /** A profile has changed, or whether it is followed. */
  changed(profile) {
    if (profile.userid === this.#owner) this.#draw(profile);
  }

  #draw(profile) {
    const { userid, name, avatar: address } = profile;
    const open = element('button', { class: 'host-open', type: 'button', 'aria-label': say('profile_of', { name }) }, [
      avatar(userid, name, address), element('span', { class: 'host-name', text: name })]);
    open.addEventListener('click', guarded(() => this.#profiles.show(userid)));
    const canFollow = userid !== this.#client.userid && this.#client.hasFeature('follow');
    byId('host').replaceChildren(...[open, canFollow && followButton(this.#client, profile)].filter(Boolean));
    byId('host').hidden = false;
  }
}
