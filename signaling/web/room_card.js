/** The card of a room in the lobby: its cover, who is live there, and how many watch. */

import { categoryName } from './categories.js';
import { avatar, element, hueOf, initials, picture } from './dom.js';
import { icon } from './icons.js';
import { say, shortNumber } from './words.js';

/** Shapes of covers; which one a room has depends on its id alone. */
const SHAPES = ['tall', 'square', 'wide', 'tall', 'square'];

/**
 * @param {object} room  RoomCard
 * @param {(userid: string) => void} showOwner  what the owner's name does when it is pressed
 * @returns {HTMLLIElement}
 */
export function roomCard(room, showOwner) {
  const owner = room.owner_name || room.owner;
  const link = element('a', { class: 'card', href: `/room/${encodeURIComponent(room.room_id)}` }, [
    cover(room, owner),
    element('span', { class: 'card-name' }),
  ]);
  const name = element('button', { class: 'card-owner', type: 'button', on: { click: () => showOwner(room.owner) } }, [
    avatar(room.owner, owner),
    element('span', { class: 'card-owner-name', text: owner }),
  ]);
  name.setAttribute('aria-label', say('profile_of', { name: owner }));
  const foot = element('div', { class: 'card-foot' }, [name, element('span', { class: 'card-category' })]);
  return element('li', { class: 'room-card', data: { roomId: room.room_id } }, [link, foot]);
}

/** Shows what of a room may have changed. */
export function updateRoomCard(card, room) {
  card.querySelector('.card-name').textContent = room.name || room.room_id;
  const viewers = card.querySelector('.card-viewers');
  viewers.querySelector('.number').textContent = shortNumber(room.audience_count);
  viewers.querySelector('.unseen').textContent = say('audience_short', { count: room.audience_count });
  card.querySelector('.card-category').textContent = categoryName(room.category?.[0]);
}

function cover(room, owner) {
  const seed = hueOf(room.room_id);
  const made = element('span', { class: 'cover', data: { shape: SHAPES[seed % SHAPES.length] } }, [
    element('span', { class: 'cover-letters', 'aria-hidden': 'true', text: initials(owner) }),
    picture(room.cover),
    element('span', { class: 'badge live', icon: 'live', text: say('live') }),
    element('span', { class: 'card-viewers' }, [
      icon('people'), element('span', { class: 'number', 'aria-hidden': 'true' }), element('span', { class: 'unseen' })]),
  ]);
  made.style.setProperty('--hue', String(hueOf(room.owner)));
  made.style.setProperty('--x', `${10 + (seed % 80)}%`);
  made.style.setProperty('--y', `${10 + ((seed * 7) % 60)}%`);
  return made;
}
