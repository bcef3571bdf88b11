/**
 * Who this browser tab is: the remembered name, the user id made from it, and the credentials to log in with.
 *
 * The name belongs to the browser, the user id to the tab: two tabs are two members, and a reload, or another name, is the
 * same one. On a demo server the credentials come from it; on a production server the form asks for them.
 */

import { byId, element, fill } from './dom.js';
import { LiveError } from './errors.js';
import { say } from './words.js';

const NAME = 'tally.name';
const USER = 'tally.user';
const CREDENTIALS = 'tally.credentials';

/** The name the user gave, or an empty string. */
export function givenName() {
  return localStorage.getItem(NAME) ?? '';
}

/** Remembers a name for the next time. */
export function rememberName(name) {
  localStorage.setItem(NAME, name.trim());
}

/**
 * Connects and logs in, with the server's demo credentials or with those the form gets out of the user.
 * @param {import('./live_client.js').LiveClient} client
 * @param {HTMLElement} place  where the form may appear; a dialog is opened
 * @returns {Promise<string>} the name others see
 */
export async function signIn(client, place) {
  const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`;
  const demo = await demoCredentials();
  if (demo) return connect(client, { url, ...demo, name: givenName() || say('guest', { number: user().number }) });
  for (let refused = {}; ;) {
    const credentials = storedCredentials() ?? await askCredentials(place, refused);
    try {
      return await connect(client, { url, ...credentials, name: givenName() || undefined });
    } catch (error) {
      if (error.isNetwork) throw error;
      sessionStorage.removeItem(CREDENTIALS);
      refused = { ...credentials, why: error.message };
    }
  }
}

async function connect(client, login) {
  await client.connect(login);
  if (!login.name) return (await client.profile()).name;
  introduce(client, login.name).catch(() => {});
  return login.name;
}

/** Others find a user by the name in its profile, in a room or not. */
async function introduce(client, name) {
  const profile = await client.profile();
  if (profile.name !== name) await client.setProfile({ name });
}

/** What makes this tab's user different from others of the same name. */
function user() {
  const stored = sessionStorage.getItem(USER);
  if (stored) return JSON.parse(stored);
  const [number, tail] = crypto.getRandomValues(new Uint32Array(2));
  const stem = givenName().toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 16) || 'guest';
  const made = { userid: `${stem}-${tail.toString(36).padStart(6, '0').slice(-6)}`, number: 1000 + (number % 9000) };
  sessionStorage.setItem(USER, JSON.stringify(made));
  return made;
}

/** Credentials of the demo app, or null on a production server. */
async function demoCredentials() {
  const response = await fetch(`/demo/credentials?userid=${encodeURIComponent(user().userid)}`)
    .catch((cause) => { throw LiveError.local('connect_failed', cause); });
  if (response.status === 404) return null;
  if (!response.ok) throw LiveError.local('unexpected_answer');
  const { sdkappid, userid, usersig } = await response.json();
  return { sdkappid, userid, usersig };
}

function storedCredentials() {
  const stored = sessionStorage.getItem(CREDENTIALS);
  return stored ? JSON.parse(stored) : null;
}

/** Shows the form until it is filled in. `refused` is the last attempt, with `why` it failed. */
function askCredentials(place, refused) {
  return new Promise((resolve) => {
    const form = credentialsForm(refused);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const { sdkappid, userid, usersig } = Object.fromEntries(new FormData(form));
      const credentials = { sdkappid: Number(sdkappid), userid: userid.trim(), usersig: usersig.trim() };
      sessionStorage.setItem(CREDENTIALS, JSON.stringify(credentials));
      place.close?.();
      place.hidden = true;
      resolve(credentials);
    });
    place.replaceChildren(form);
    place.hidden = false;
    place.showModal?.();
    byId('sign-in-sdkappid').focus();
  });
}

function credentialsForm({ sdkappid = '', userid = '', why }) {
  const form = element('form', { id: 'sign-in-form', class: 'sign-in' }, [
    element('h2', { 'data-text': 'sign_in_title' }),
    element('p', { class: 'hint', 'data-text': 'sign_in_why' }),
    why && element('p', { class: 'refusal', role: 'alert', text: why }),
    ...field('sdkappid', { inputmode: 'numeric', pattern: '[0-9]+', value: sdkappid }),
    ...field('userid', { maxlength: 48, value: userid }),
    ...field('usersig', {}),
    element('button', { class: 'primary', type: 'submit', 'data-text': 'sign_in_button' }),
  ]);
  fill(form);
  return form;
}

function field(name, attributes) {
  const id = `sign-in-${name}`;
  return [
    element('label', { for: id, 'data-text': `sign_in_${name}` }),
    element('input', { id, name, required: '', autocomplete: 'off', spellcheck: 'false', ...attributes }),
  ];
}
