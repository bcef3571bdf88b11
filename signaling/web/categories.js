/** The categories of rooms that have names (in words.js); an app gives its numbers a meaning, and changes both. */

import { say, sayOr } from './words.js';

export const CATEGORIES = [1, 2, 3, 4, 5, 6];

/** What a category is called; nothing without a number. @param {number} [number] */
export function categoryName(number) {
  return number === undefined ? '' : sayOr(`category_${number}`, 'category_other');
}

/** The choices for a room, as options of a select. @returns {HTMLOptionElement[]} */
export function categoryOptions() {
  return [new Option(say('no_category'), ''), ...CATEGORIES.map((number) => new Option(categoryName(number), String(number)))];
}
