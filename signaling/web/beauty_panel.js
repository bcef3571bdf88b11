/**
 * The sliders of the beauty filter, and what they are set to: kept in the browser, for the next live. An edition without
 * beauty has none, and neither has a browser that cannot do it.
 */

import { MOST, OFF, canBeautify } from './beauty.js';
import { byId } from './dom.js';

const PLACE = 'tally.beauty';

export class BeautyPanel {
  #levels = { ...OFF };

  /**
   * Shows the sliders, where the edition and the browser have the filter.
   * @param {string[]} features  of the edition
   * @param {(levels: import('./beauty.js').Levels) => void} onChange  a slider was moved
   */
  show(features, onChange) {
    if (!features.includes('beauty') || !canBeautify()) return;
    this.#levels = stored();
    for (const [name, level] of Object.entries(this.#levels)) {
      const slider = byId(`beauty-${name}`);
      slider.value = String(level);
      slider.nextElementSibling.value = String(level);
      slider.addEventListener('input', () => {
        slider.nextElementSibling.value = slider.value;
        this.#levels = { ...this.#levels, [name]: Number(slider.value) };
        localStorage.setItem(PLACE, JSON.stringify(this.#levels));
        onChange(this.#levels);
      });
    }
    byId('beauty').hidden = false;
  }

  /** What they are set to; all 0 where there is no filter. */
  get levels() {
    return this.#levels;
  }
}

/** What was kept, as far as it makes sense. */
function stored() {
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem(PLACE)) ?? {};
  } catch {
    // Not ours, or from another time.
  }
  const level = (value) => (Number.isInteger(value) && value >= 0 && value <= MOST ? value : 0);
  return Object.fromEntries(Object.keys(OFF).map((name) => [name, level(kept[name])]));
}
