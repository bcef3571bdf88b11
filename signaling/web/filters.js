/** The chips above the list and the search field: which rooms are shown. One choice at a time; a search is one, too. */

import { CATEGORIES, categoryName } from './categories.js';
import { byId, element } from './dom.js';
import { say } from './words.js';

/** Nothing is searched for while somebody types. */
const TYPED_MS = 300;

/**
 * @typedef {{kind: 'all'}|{kind: 'followed'}|{kind: 'category', category: number}|{kind: 'search', text: string}} Choice
 */

/**
 * Lays out what the edition has.
 * @param {{hasFollows: boolean, hasSearch: boolean}} features
 * @param {(choice: Choice) => void} onChoice
 */
export function layOutFilters({ hasFollows, hasSearch }, onChoice) {
  const chips = [
    chip(say('filter_all'), { kind: 'all' }),
    hasFollows && chip(say('filter_followed'), { kind: 'followed' }),
    ...CATEGORIES.map((category) => chip(categoryName(category), { kind: 'category', category })),
  ].filter(Boolean);
  let chosen = chips[0];
  const press = (pressed) => {
    chosen = pressed;
    for (const { button } of chips) button.setAttribute('aria-pressed', String(button === pressed.button));
    byId('search').value = '';
    onChoice(pressed.choice);
  };
  for (const each of chips) each.button.addEventListener('click', () => press(each));
  byId('filters').replaceChildren(...chips.map(({ button }) => button));
  byId('filters').hidden = false;
  if (hasSearch) layOutSearch(onChoice, () => press(chosen));
}

function chip(text, choice) {
  const isFirst = choice.kind === 'all';
  return { choice, button: element('button', { class: 'chip', type: 'button', text, 'aria-pressed': String(isFirst) }) };
}

function layOutSearch(onChoice, onEnd) {
  const field = byId('search');
  let searched = '';
  let timer = null;
  const search = () => {
    clearTimeout(timer);
    const text = field.value.trim();
    if (text === searched) return;
    searched = text;
    byId('filters').hidden = text !== '';
    if (text) onChoice({ kind: 'search', text });
    else onEnd();
  };
  field.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(search, TYPED_MS);
  });
  byId('search-form').addEventListener('submit', (event) => {
    event.preventDefault();
    search();
  });
  byId('search-form').hidden = false;
}
