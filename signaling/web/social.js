/**
 * The requests about people and about finding things, which become methods of LiveClient: profiles, follows, search.
 * None of them needs a room, but for `searchAudience`.
 *
 * @typedef {object} Profile
 * @property {string} userid
 * @property {string} name
 * @property {string} avatar  a URL, or empty
 * @property {string} signature
 * @property {number} followers
 * @property {number} following
 * @property {boolean} followed  by oneself
 * @property {string|null} room_id  the public room it owns now
 */

export const social = {
  /** @param {string} [userid]  absent: oneself @returns {Promise<Profile>} */
  profile(userid) {
    return this.request('profile.get', userid === undefined ? {} : { userid });
  },

  /**
   * Changes one's own profile; what is left out stays.
   * @param {{name?: string, avatar?: string, signature?: string}} changes
   * @returns {Promise<Profile>}
   */
  setProfile(changes) {
    return this.request('profile.set', changes);
  },

  /** @param {string} userid @returns {Promise<{userid: string, followed: boolean, followers: number}>} */
  follow(userid) {
    return this.request('follow.add', { userid });
  },

  /** The same undone. @param {string} userid */
  unfollow(userid) {
    return this.request('follow.remove', { userid });
  },

  /**
   * One page of who follows a user, or whom it follows; newest first.
   * @param {{userid?: string, kind: 'followers'|'following', cursor?: string, count?: number}} page
   * @returns {Promise<{users: Profile[], cursor: string}>}
   */
  listFollows(page) {
    return this.request('follow.list', page);
  },

  /**
   * One page of the rooms whose name, owner or id has this text.
   * @param {{text: string, cursor?: string, count?: number}} page
   * @returns {Promise<{rooms: object[], cursor: string}>}
   */
  searchRooms(page) {
    return this.request('room.search', page);
  },

  /**
   * The same among the members of the room one is in.
   * @param {{text: string, cursor?: string, count?: number}} page
   * @returns {Promise<{members: object[], cursor: string}>}
   */
  searchAudience(page) {
    return this.request('audience.search', page);
  },

  /** Whether the app's edition has a feature, such as `preview`. @param {string} feature */
  hasFeature(feature) {
    return Boolean(this.edition?.features.includes(feature));
  },
};
