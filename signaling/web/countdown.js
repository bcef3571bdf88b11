/**
 * Seconds that run down on the page. Every count-down is an element that carries its end, by the server's clock; one
 * ticking brings all of them up to date, so there is nothing to stop when a card or a list is drawn anew.
 */

import { element } from './dom.js';
import { say } from './words.js';

const TICK_MS = 250;

/**
 * An element that shows how long it is until then. Ears are not told each second.
 * @param {number|null} until  Unix seconds; null: no time is set, and nothing shows
 * @param {'seconds'|'clock'} [form]  "9 s" or "4:09"
 */
export function countdown(until, form = 'seconds') {
  const made = element('span', { class: 'countdown', role: 'timer', 'aria-live': 'off' });
  setCountdown(made, until, form);
  return made;
}

/** Makes an element a count-down, or gives it another end. */
export function setCountdown(place, until, form = 'seconds') {
  if (until === null) delete place.dataset.until;
  else place.dataset.until = String(until);
  place.dataset.form = form;
  draw(place);
}

let now = () => Date.now() / 1000;

/** Lets them run. @param {() => number} clock  the server's time in Unix seconds @returns {() => void} stops them */
export function startCountdowns(clock) {
  now = clock;
  const ticking = setInterval(() => document.querySelectorAll('[data-until]').forEach(draw), TICK_MS);
  return () => clearInterval(ticking);
}

function draw(place) {
  const { until, form } = place.dataset;
  const text = until === undefined ? '' : timeLeft(Number(until) - now(), form);
  if (place.textContent !== text) place.textContent = text;
}

/** @param {number} seconds  below 0: it is over @param {'seconds'|'clock'} form */
export function timeLeft(seconds, form) {
  const whole = Math.max(0, Math.ceil(seconds));
  if (form === 'seconds') return say('seconds', { count: whole });
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
