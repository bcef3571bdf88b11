/** The button that follows a user, and the news that somebody who is followed is live. */

import { element, guarded, toast } from './dom.js';
import { say } from './words.js';

/**
 * @param {import('./live_client.js').LiveClient} client
 * @param {{userid: string, name: string, followed: boolean}} profile
 * @param {(answer: {userid: string, followed: boolean, followers: number}) => void} [onChange]
 * @returns {HTMLButtonElement}
 */
export function followButton(client, profile, onChange = () => {}) {
  const button = element('button', { class: 'follow', type: 'button' });
  let { followed } = profile;
  const draw = () => {
    button.textContent = say(followed ? 'following' : 'follow');
    button.setAttribute('aria-pressed', String(followed));
    button.setAttribute('aria-label', say('follow_name', { name: profile.name || profile.userid }));
    button.classList.toggle('primary', !followed);
    button.classList.toggle('quiet', followed);
  };
  draw();
  button.addEventListener('click', guarded(async () => {
    const answer = await (followed ? client.unfollow(profile.userid) : client.follow(profile.userid));
    followed = answer.followed;
    draw();
    onChange(answer);
  }));
  return button;
}

/** Says in a toast that a followed user has gone live, with the way there. */
export function announceLives(client) {
  client.addEventListener('follow.live', ({ detail: { name, userid, room_id, room_name } }) => {
    if (client.room?.room_id === room_id) return;
    const text = say('is_live', { name: name || userid, room: room_name || room_id });
    toast(text, 'note', { text: say('watch'), href: `/room/${encodeURIComponent(room_id)}` });
  });
}
