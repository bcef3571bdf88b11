/**
 * A small menu at a button, by the rules of the "menu button" pattern: arrow keys, Home and End move, Escape and Tab
 * close, and the focus goes back to the button. There is at most one open menu.
 */

import { element, guarded, label } from './dom.js';

const GAP = 4;

let opened = null;

/**
 * A button that opens a menu.
 * @param {string} name  what the menu is about, for eyes and ears
 * @param {string} key  names the button, so that the focus finds it again after the list around it was drawn anew
 * @param {() => Array<{text: string, action?: () => Promise, items?: () => object[], isDanger?: boolean}>} items  asked
 *   when it opens; an entry with `items` puts these in the place of the menu's own
 * @returns {HTMLElement}
 */
export function menuButton(name, key, items) {
  return opensMenu(element('button', { class: 'round menu-button', icon: 'more', type: 'button' }), name, key, items);
}

/** Makes a button of one's own open a menu. The parameters are those of `menuButton`. */
export function opensMenu(button, name, key, items) {
  button.setAttribute('aria-haspopup', 'menu');
  button.setAttribute('aria-expanded', 'false');
  button.dataset.menu = key;
  label(button, name);
  button.addEventListener('click', () => {
    const wasOpen = opened?.key === key;
    closeMenu();
    if (!wasOpen) openMenu(button, name, key, items());
  });
  return button;
}

/** The button with this key as it is in the page now. */
export function findMenuButton(key) {
  return document.querySelector(`[data-menu="${CSS.escape(key)}"]`);
}

/** Closes the open menu, if there is one. */
export function closeMenu({ returnFocus = false } = {}) {
  if (!opened) return;
  const { menu, key } = opened;
  opened = null;
  document.removeEventListener('pointerdown', closeFromOutside, true);
  menu.remove();
  const button = findMenuButton(key);
  button?.setAttribute('aria-expanded', 'false');
  if (returnFocus) button?.focus();
}

function openMenu(button, name, key, items) {
  const menu = element('div', { class: 'menu', role: 'menu', 'aria-label': name }, items.map(menuItem));
  menu.addEventListener('keydown', onKey);
  document.body.append(menu);
  opened = { menu, key };
  button.setAttribute('aria-expanded', 'true');
  place(menu, button);
  menu.firstElementChild?.focus();
  document.addEventListener('pointerdown', closeFromOutside, true);
}

function menuItem({ text, action, items, isDanger }) {
  const className = isDanger ? 'menu-item dangerous' : 'menu-item';
  const attributes = { class: className, type: 'button', role: 'menuitem', tabindex: '-1' };
  const run = action && guarded(action);
  const click = (event) => {
    if (items) return openFurther(items(), text);
    closeMenu({ returnFocus: true });
    run(event);
  };
  return element('button', { ...attributes, text, on: { click } });
}

function openFurther(items, name) {
  const { menu, key } = opened;
  menu.setAttribute('aria-label', name);
  menu.replaceChildren(...items.map(menuItem));
  place(menu, findMenuButton(key));
  menu.firstElementChild?.focus();
}

/** Below the button, or above it where there is no room. */
function place(menu, button) {
  const at = button.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  const below = at.bottom + GAP;
  const top = below + height <= innerHeight - GAP ? below : Math.max(GAP, at.top - GAP - height);
  menu.style.top = `${top}px`;
  menu.style.left = `${Math.max(GAP, Math.min(at.right, innerWidth - GAP) - width)}px`;
}

function closeFromOutside({ target }) {
  if (!opened.menu.contains(target) && target.closest?.('[data-menu]')?.dataset.menu !== opened.key) closeMenu();
}

function onKey(event) {
  const items = [...event.currentTarget.children];
  const at = items.indexOf(document.activeElement);
  const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 };
  if (event.key in moves) {
    event.preventDefault();
    items.at(moves[event.key] % items.length)?.focus();
  } else if (event.key === 'Escape' || event.key === 'Tab') {
    event.preventDefault();
    event.stopPropagation();
    closeMenu({ returnFocus: true });
  }
}
