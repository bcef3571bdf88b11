/**
 * A waterfall: cards of different heights in columns without holes, each under the shortest column so far. The document
 * keeps their order, so that the keyboard and screen readers go through them by rank.
 *
 * The grid (lobby.css) has rows of 1 px; an item is told where it begins and how many of them it takes.
 */

/** Pixels between two cards of a column. */
const GAP = 16;

export class Waterfall {
  #list;
  #width = 0;

  /** @param {HTMLElement} list  a grid of the class `waterfall` */
  constructor(list) {
    this.#list = list;
    new ResizeObserver(() => {
      if (list.clientWidth !== this.#width) this.arrange();
    }).observe(list);
  }

  /** Puts every item in its place; to be called when items or their heights have changed. */
  arrange() {
    const items = [...this.#list.children];
    this.#width = this.#list.clientWidth;
    const columns = getComputedStyle(this.#list).gridTemplateColumns.split(' ').length;
    const heights = items.map((item) => Math.ceil(item.getBoundingClientRect().height));
    const places = stacked(heights, columns, GAP);
    items.forEach((item, index) => {
      const { column, top } = places[index];
      item.style.gridArea = `${top + 1} / ${column + 1} / span ${heights[index]} / span 1`;
    });
  }
}

/**
 * Where items of these heights go. Pure.
 * @param {number[]} heights
 * @param {number} columns
 * @param {number} gap
 * @returns {Array<{column: number, top: number}>}
 */
export function stacked(heights, columns, gap) {
  const ends = new Array(columns).fill(0);
  return heights.map((height) => {
    const column = ends.indexOf(Math.min(...ends));
    const top = ends[column];
    ends[column] += height + gap;
    return { column, top };
  });
}
