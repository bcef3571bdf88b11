/** Small helpers of the pages: finding, making and filling elements. Texts go in as text, never as markup. */

import { icon } from './icons.js';
import { language, say } from './words.js';

/** The element with this id. @param {string} id @returns {HTMLElement} */
export const byId = (id) => document.getElementById(id);

/**
 * Makes an element.
 * @param {string} tag
 * @param {object} [properties]  `text`, `icon`, `class`, `data` (for data-*), `on` (listeners by event), else attributes
 * @param {Array<Node|null|false>} [children]  those that are not there are left out
 * @returns {HTMLElement}
 */
export function element(tag, { text, icon: picture, class: className, data, on, ...attributes } = {}, children = []) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (picture) made.append(icon(picture));
  if (text !== undefined) made.append(text);
  Object.assign(made.dataset, data);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  for (const [event, listener] of Object.entries(on ?? {})) made.addEventListener(event, listener);
  made.append(...children.filter(Boolean));
  return made;
}

/** Puts words and icons into the static markup: `data-text`, `data-label` and `data-icon` name them. */
export function fill(root = document) {
  document.documentElement.lang = language;
  for (const place of root.querySelectorAll('[data-icon]')) place.prepend(icon(place.dataset.icon));
  for (const place of root.querySelectorAll('[data-text]')) place.append(say(place.dataset.text));
  for (const place of root.querySelectorAll('[data-label]')) label(place, say(place.dataset.label));
}

/** Names an element for eyes (as a tooltip) and for ears. */
export function label(place, text) {
  place.setAttribute('aria-label', text);
  place.title = text;
}

/** Shows a toggle's state, with another icon if there is one for it. */
export function setToggle(button, isPressed, name) {
  button.setAttribute('aria-pressed', String(isPressed));
  if (name) button.querySelector('svg').replaceWith(icon(name));
}

/**
 * Shows a sentence for a while; errors stay longer. It can be clicked away.
 * @param {string} text
 * @param {'error'|'note'} [kind]
 * @param {{text: string, href: string}} [link]  where to go from here
 */
export function toast(text, kind = 'note', link = null) {
  const close = element('button', { class: 'toast-close', icon: 'cross', type: 'button', 'aria-label': say('close') });
  const shown = element('p', { class: `toast ${kind}` }, [
    element('span', { text }),
    link && element('a', { class: 'button primary small', text: link.text, href: link.href }),
    close,
  ]);
  close.addEventListener('click', () => shown.remove());
  byId('toasts').append(shown);
  setTimeout(() => shown.remove(), kind === 'error' || link ? 9000 : 5000);
}

/**
 * Shows an error in its own words; one that is not the library's is a bug of the page and goes to the console too. What
 * was cut off because the page itself closed the connection is no news.
 */
export function toastError(error) {
  if (error.name === 'closed') return;
  if (error.code === undefined) console.error(error);
  toast(error.code === undefined ? say('something_failed') : error.message, 'error');
}

/** A listener that shows what its action throws, and does nothing while the action still runs. */
export function guarded(action) {
  let isRunning = false;
  return async (event) => {
    if (isRunning) return;
    isRunning = true;
    const pressed = event.currentTarget;
    pressed.setAttribute('aria-busy', 'true');
    try {
      await action(event);
    } catch (error) {
      toastError(error);
    } finally {
      pressed.removeAttribute('aria-busy');
      isRunning = false;
    }
  };
}

/** One or two letters that stand for a name. */
export function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0] ?? '?'];
  return letters.map((word) => [...word][0]).join('').toUpperCase();
}

/** A round picture: that at `address` if there is one, else initials in a colour that belongs to the user. */
export function avatar(userid, name, address = '') {
  const letters = initials(name || userid);
  const made = element('span', { class: 'avatar', text: letters, 'aria-hidden': 'true' }, [picture(address)]);
  made.style.setProperty('--hue', String(hueOf(userid)));
  return made;
}

/** A hue (0 to 359) that is the same for the same id everywhere, and far from that of the next id in a row. */
export function hueOf(id) {
  return 137 * [...id].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7) % 360;
}

/**
 * A picture that a user or an app has named by its address, from this server or by https (the page's policy allows nothing
 * else); who serves it is not told from which page. One that cannot be shown takes itself away.
 * @param {string} address
 * @returns {HTMLImageElement|null}  null when there is none that may be shown
 */
export function picture(address) {
  if (!isPicture(address)) return null;
  const made = element('img', { src: address, alt: '', loading: 'lazy', decoding: 'async', referrerpolicy: 'no-referrer' });
  made.addEventListener('error', () => made.remove());
  return made;
}

/** Whether a picture at this address may be shown. */
export function isPicture(address) {
  if (!address || !URL.canParse(address, location.href)) return false;
  const { protocol, origin } = new URL(address, location.href);
  return protocol === 'https:' || origin === location.origin;
}
