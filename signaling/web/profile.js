/**
 * The profile of a user in a dialog: name, picture, signature, who follows whom. One's own can be changed here. It makes
 * its own markup, so that any page can have it.
 */

import { avatar, element, guarded, label } from './dom.js';
import { followButton } from './follow_button.js';
import { rememberName } from './identity.js';
import { icon } from './icons.js';
import { say } from './words.js';

const PEOPLE_PER_PAGE = 30;

export class ProfileDialog {
  #client;
  #onChange;
  #dialog = element('dialog', { class: 'panel profile', 'aria-labelledby': 'profile-name' });
  #profile = null;
  #list = null;

  /**
   * @param {import('./live_client.js').LiveClient} client
   * @param {(profile: object) => void} [onChange]  one's own profile, or whether somebody is followed, has changed
   */
  constructor(client, onChange = () => {}) {
    this.#client = client;
    this.#onChange = onChange;
    document.body.append(this.#dialog);
    // A click beside the panel hits the dialog itself.
    this.#dialog.addEventListener('click', ({ target }) => { if (target === this.#dialog) this.#dialog.close(); });
  }

  /** @param {string} [userid]  absent: oneself */
  async show(userid = this.#client.userid) {
    const profile = await this.#client.profile(userid);
    this.#list = null;
    this.#draw(profile);
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  /** An entry for the menu of a user. */
  menuItem(userid) {
    return { text: say('show_profile'), action: () => this.show(userid) };
  }

  get #isOwn() {
    return this.#profile.userid === this.#client.userid;
  }

  #draw(profile) {
    this.#profile = profile;
    const hasFollows = this.#client.hasFeature('follow');
    const close = element('button', { class: 'round profile-close', icon: 'cross', type: 'button', on: { click: () => this.#dialog.close() } });
    label(close, say('close'));
    this.#dialog.replaceChildren(...[
      close,
      this.#head(profile),
      hasFollows && this.#counts(profile),
      this.#actions(profile, hasFollows),
      element('section', { class: 'profile-part' }),
    ].filter(Boolean));
  }

  #head({ userid, name, avatar: address, signature }) {
    return element('div', { class: 'profile-head' }, [
      avatar(userid, name, address),
      element('h2', { id: 'profile-name', text: name || userid }),
      element('p', { class: 'hint profile-id', text: userid }),
      element('p', { class: signature ? 'profile-signature' : 'hint', text: signature || say('no_signature') }),
    ]);
  }

  #counts({ followers, following }) {
    const count = (kind, number) => element('button', {
      class: 'count-button', type: 'button', 'aria-pressed': 'false', data: { kind },
      on: { click: guarded(() => this.#showPeople(kind)) },
    }, [element('b', { text: String(number) }), element('span', { text: say(kind === 'followers' ? 'followers' : 'follows') })]);
    return element('div', { class: 'profile-counts' }, [count('followers', followers), count('following', following)]);
  }

  #actions(profile, hasFollows) {
    const watch = profile.room_id && profile.room_id !== this.#client.room?.room_id && element('a', {
      class: 'button quiet', icon: 'live', text: say('watch'), href: `/room/${encodeURIComponent(profile.room_id)}` });
    const edit = this.#isOwn && element('button', { class: 'quiet', type: 'button', text: say('edit_profile'), on: { click: () => this.#edit() } });
    const follow = !this.#isOwn && hasFollows && followButton(this.#client, profile, (answer) => this.#followed(answer));
    return element('div', { class: 'profile-actions' }, [follow, watch, edit]);
  }

  /** The figures follow what was pressed, without another question. */
  #followed(answer) {
    const [followers] = this.#dialog.querySelectorAll('.count-button b');
    followers.textContent = String(answer.followers);
    this.#onChange({ ...this.#profile, ...answer });
  }

  // ---- Changing one's own ----------------------------------------------------------------------------------------

  #edit() {
    const { name, avatar: address, signature } = this.#profile;
    const refusal = element('p', { class: 'refusal', role: 'alert', hidden: '' });
    const form = element('form', { class: 'profile-form' }, [
      ...field('name', say('your_name'), { value: name, maxlength: 100, required: '' }),
      ...field('avatar', say('avatar_address'), { value: address, maxlength: 200, type: 'url', placeholder: 'https://' }),
      ...field('signature', say('signature'), { value: signature, maxlength: 200 }),
      refusal,
      element('div', { class: 'buttons' }, [
        element('button', { class: 'quiet', type: 'button', text: say('cancel'), on: { click: () => this.#draw(this.#profile) } }),
        element('button', { class: 'primary', text: say('save') }),
      ]),
    ]);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#save(Object.fromEntries(new FormData(form)), refusal);
    });
    this.#dialog.querySelector('.profile-actions').replaceChildren();
    this.#part(form);
    form.querySelector('input').focus();
  }

  /** The refusal is shown here: a toast would lie under the dialog. */
  async #save(changes, refusal) {
    try {
      const profile = await this.#client.setProfile({ ...changes, name: changes.name.trim() });
      rememberName(profile.name);
      this.#draw(profile);
      this.#onChange(profile);
    } catch (error) {
      refusal.textContent = error.message;
      refusal.hidden = false;
    }
  }

  // ---- Who follows whom ------------------------------------------------------------------------------------------

  async #showPeople(kind) {
    for (const button of this.#dialog.querySelectorAll('.count-button')) {
      button.setAttribute('aria-pressed', String(button.dataset.kind === kind));
    }
    const list = element('ul', { class: 'list profile-list' });
    const more = element('button', { class: 'quiet', type: 'button', text: say('more_people'), on: { click: guarded(() => this.#addPeople()) } });
    const nobody = element('p', { class: 'hint', text: say(kind === 'followers' ? 'no_followers' : 'no_follows') });
    this.#list = { kind, userid: this.#profile.userid, list, more, nobody, cursor: '' };
    this.#part(list, nobody, more);
    await this.#addPeople();
  }

  async #addPeople() {
    const shown = this.#list;
    const { kind, userid, cursor } = shown;
    const page = await this.#client.listFollows({ kind, userid, cursor, count: PEOPLE_PER_PAGE });
    if (shown !== this.#list) return;
    shown.list.append(...page.users.map((user) => this.#person(user)));
    shown.cursor = page.cursor;
    shown.more.hidden = !page.cursor;
    shown.nobody.hidden = shown.list.childElementCount > 0;
  }

  #person(user) {
    const name = user.name || user.userid;
    const open = element('button', { class: 'person', type: 'button', on: { click: guarded(() => this.show(user.userid)) } }, [
      avatar(user.userid, name, user.avatar),
      element('span', { class: 'list-name', text: name }),
      user.room_id && element('span', { class: 'badge live' }, [icon('live'), say('live')]),
    ]);
    return element('li', { data: { userid: user.userid } }, [
      open,
      user.userid !== this.#client.userid && followButton(this.#client, user, (answer) => this.#onChange({ ...user, ...answer })),
    ]);
  }

  #part(...children) {
    this.#dialog.querySelector('.profile-part').replaceChildren(...children);
  }
}

function field(name, text, attributes) {
  const id = `profile-${name}-field`;
  return [
    element('label', { for: id, text }),
    element('input', { id, name, autocomplete: 'off', ...attributes }),
  ];
}
