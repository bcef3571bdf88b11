/** The display names that went by: what names only a user id is shown by its name if the page ever heard it. */

export class Names {
  #names = new Map();

  /** Takes in anything with a user id and a name. @param {Iterable<{userid: string|null, name?: string}>} people */
  learn(people) {
    for (const { userid, name } of people) if (userid && name) this.#names.set(userid, name);
  }

  /** @param {string} userid @returns {string} */
  of(userid) {
    return this.#names.get(userid) ?? userid;
  }
}
