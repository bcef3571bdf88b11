/**
 * The stage: one tile for everyone on a seat and for the owners of linked rooms, one for each shared screen, and the
 * sound of all of them. Which tiles there are is tiles.js's affair.
 *
 * It only shows: what it gets are the Room, the streams and one's own camera track. Sound plays in separate audio
 * elements and the pictures are muted, so that a browser's autoplay rules can hold back the sound but never the picture.
 */

import { avatar, byId, element, label } from './dom.js';
import { icon } from './icons.js';
import { layoutOf, tilesOf } from './tiles.js';
import { say } from './words.js';

/** Draws connection quality as four bars. */
export function drawBars(place, score) {
  if (place.dataset.score === String(score)) return;
  place.dataset.score = String(score);
  place.replaceChildren(...[1, 2, 3, 4].map(() => element('i')));
  label(place, say('connection_quality', { grade: say(`grade_${score}`) }));
}

/** Sizes are told when they have stood still for so long. */
const SETTLED_MS = 250;

export class Stage {
  #tiles = new Map();
  #sounds = new Map();
  #pictures = new Map();
  #place = byId('stage');
  #self;
  #ownTrack = null;
  #room = null;
  #chosen = 'grid';
  #large = null;
  #standings = new Map();
  #paused = new Set();
  #told = new Map();
  #settling = null;
  #onSized;
  #sizes = new ResizeObserver(() => this.#sizesChanged());

  /**
   * @param {string} self  the user id whose picture is one's own
   * @param {(publication_id: string, width: number, height: number) => void} onSized  a received picture is shown at so
   *   many device pixels, 0 x 0 when it is hidden
   */
  constructor(self, onSized) {
    this.#self = self;
    this.#onSized = onSized;
    byId('tap-to-hear').addEventListener('click', () => this.#playAll());
  }

  /** Shows the room as it is now. */
  show(room) {
    this.#room = room;
    const layout = layoutOf(room, { chosen: this.#chosen, ownPicture: Boolean(this.#ownTrack?.enabled) });
    const wanted = tilesOf(room, layout);
    this.#removeOthers(new Set(wanted.map((tile) => tile.key)));
    for (const facts of wanted) this.#showTile(facts);
    this.#putInOrder(wanted);
    this.#lay(wanted, layout);
    byId('stage-empty').hidden = wanted.length > 0;
  }

  /** Which layout pictures have from now on. @param {'grid'|'float'} layout */
  setLayout(layout) {
    this.#chosen = layout;
    if (this.#room) this.show(this.#room);
  }

  /** Marks the owners of the rooms in a battle. @param {object[]} standings  battle_bar.js has them; empty: no battle */
  showStandings(standings) {
    const isWon = standings.filter(({ hasWon }) => hasWon).length === 1;
    this.#standings = new Map(standings.map(({ room_id: id, hasWon }, side) => [id, { side, hasWon: hasWon && isWon }]));
    if (this.#room) this.show(this.#room);
  }

  /** Takes in what `stream-added` brought. */
  add(stream) {
    if (stream.kind === 'audio') return this.#addSound(stream);
    this.#pictures.set(stream.publication_id, stream);
    this.#sizesChanged();
    if (this.#room) this.show(this.#room);
  }

  /** Lets go of what `stream-removed` named. */
  remove({ publication_id: id }) {
    this.#sounds.get(id)?.remove();
    this.#sounds.delete(id);
    this.#paused.delete(id);
    this.#told.delete(id);
    if (this.#pictures.delete(id) && this.#room) this.show(this.#room);
  }

  /** Takes a `media.layer`: a picture that does not fit through the connection is paused. */
  setPaused({ publication_id: id, paused }) {
    this.#paused[paused ? 'add' : 'delete'](id);
    if (this.#room) this.show(this.#room);
  }

  /** One's own camera, or null. */
  setOwnTrack(track) {
    this.#ownTrack = track;
    if (this.#room) this.show(this.#room);
  }

  /** Connection quality by user. @param {Map<string, number>} scores */
  showQuality(scores) {
    for (const tile of this.#tiles.values()) {
      const score = scores.get(tile.dataset.userid);
      const bars = tile.querySelector('.bars');
      bars.hidden = score === undefined;
      if (score !== undefined) drawBars(bars, score);
    }
  }

  /** Silence and an empty stage. */
  clear() {
    for (const sound of this.#sounds.values()) sound.remove();
    this.#sounds.clear();
    this.#pictures.clear();
    this.#tiles.clear();
    this.#paused.clear();
    this.#told.clear();
    this.#sizes.disconnect();
    this.#place.replaceChildren();
    byId('tap-to-hear').hidden = true;
  }

  #removeOthers(keys) {
    for (const [key, tile] of this.#tiles) {
      if (keys.has(key)) continue;
      tile.remove();
      this.#sizes.unobserve(tile.querySelector('video'));
      this.#tiles.delete(key);
    }
  }

  /** A tile that is moved within the page goes on playing; those that are right are not touched. */
  #putInOrder(wanted) {
    let next = this.#place.firstElementChild;
    for (const { key } of wanted) {
      const tile = this.#tiles.get(key);
      if (tile === next) next = next.nextElementSibling;
      else this.#place.insertBefore(tile, next);
    }
  }

  /** One tile is the large one where the layout has such: the one that was chosen, else the first. */
  #lay(wanted, layout) {
    const large = wanted.find(({ key }) => key === this.#large) ?? wanted[0];
    const isFloat = layout === 'float' && wanted.length > 1;
    for (const [key, tile] of this.#tiles) {
      const isLarge = isFloat && key === large.key;
      tile.toggleAttribute('data-large', isLarge);
      tile.querySelector('.tile-enlarge').hidden = !isFloat || isLarge;
    }
    this.#place.dataset.layout = layout;
    this.#place.dataset.count = String(Math.min(wanted.length, 10));
    this.#place.style.setProperty('--small', String(Math.max(4, wanted.length - 1)));
    this.#place.toggleAttribute('data-screen', wanted.some((tile) => tile.source === 'screen'));
    byId('layout').hidden = layout === 'voice' || wanted.length < 2;
  }

  #enlarge(key) {
    this.#large = key;
    this.show(this.#room);
    this.#tiles.get(key)?.focus();
  }

  #showTile(facts) {
    const tile = this.#tiles.get(facts.key) ?? this.#makeTile(facts);
    const isOwn = facts.userid === this.#self;
    const track = isOwn && facts.source === 'camera' ? this.#ownTrack : this.#receivedTrack(facts);
    const published = this.#publicationOf(facts, facts.source);
    const isClosed = facts.source === 'camera' && facts.closed.video;
    const isDark = isClosed || published?.muted || (isOwn ? !track?.enabled : published?.blocked);
    setPicture(tile, track, !track || Boolean(isDark));
    const name = isOwn ? say('you', { name: facts.name }) : facts.name;
    setText(tile.querySelector('.tile-name'), name);
    setText(tile.querySelector('.tile-room'), facts.roomName);
    tile.querySelector('.tile-room').hidden = facts.roomName === '';
    label(tile.querySelector('.tile-enlarge'), say('enlarge', { name }));
    this.#showStanding(tile, facts);
    tile.querySelector('.tile-muted').hidden = !this.#isSilent(facts);
    tile.querySelector('.tile-blocked').hidden = !published?.blocked;
    tile.querySelector('.tile-slow').hidden = isDark || !this.#paused.has(published?.publication_id);
    tile.querySelector('.tile-away').hidden = facts.connected;
    tile.toggleAttribute('data-speaking', facts.source === 'camera' && this.#room.speakers.includes(facts.userid));
    tile.querySelector('.tile-owner').hidden = facts.userid !== this.#room.owner || facts.source !== 'camera';
  }

  /** The owner of each room in a battle bears its colour, and the winner's sign. */
  #showStanding(tile, facts) {
    const isOwner = facts.source === 'camera' && (facts.roomName !== '' || facts.userid === this.#room.owner);
    const standing = isOwner ? this.#standings.get(facts.room_id) : undefined;
    if (standing) tile.dataset.side = String(standing.side);
    else delete tile.dataset.side;
    tile.querySelector('.tile-result').hidden = !standing?.hasWon;
  }

  #makeTile(facts) {
    const { key, userid, source, name, room_id } = facts;
    const isOwn = userid === this.#self;
    const kind = isOwn ? 'own' : 'remote';
    const video = element('video', { playsinline: '', autoplay: '', class: kind, data: { userid, source } });
    video.muted = true;
    const data = userid === null ? { source: 'vacant' } : { userid, source, room: room_id };
    const enlarge = element('button', { class: 'tile-enlarge', type: 'button', hidden: '' });
    enlarge.addEventListener('click', () => this.#enlarge(key));
    const tile = element('figure', { class: 'tile', data, tabindex: '-1' }, [
      userid === null ? vacantPlace(facts) : avatar(userid, name),
      video,
      element('span', { class: 'tile-result', text: say('battle_is_winner'), hidden: '' }),
      element('span', { class: 'bars', role: 'img', hidden: '' }),
      element('span', { class: 'tile-blocked', icon: 'pause', text: say('blocked_picture'), hidden: '' }),
      element('span', { class: 'tile-slow', icon: 'pause', text: say('slow_picture'), hidden: '' }),
      element('span', { class: 'tile-away', text: say('away'), hidden: '' }),
      element('figcaption', {}, [
        labelled('mic-off', 'tile-muted', say('muted')),
        element('span', { class: 'tile-name' }),
        element('span', { class: 'tile-owner', text: say('owner') }),
        element('span', { class: 'tile-room', hidden: '' }),
      ]),
      enlarge,
    ]);
    if (userid === null) tile.setAttribute('aria-hidden', 'true');
    this.#tiles.set(key, tile);
    this.#place.append(tile);
    if (!isOwn) this.#sizes.observe(video);
    return tile;
  }

  #sizesChanged() {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#tellSizes(), SETTLED_MS);
  }

  #tellSizes() {
    for (const { publication_id: id, userid, source } of this.#pictures.values()) {
      const video = this.#tiles.get(source === 'screen' ? `${userid}/screen` : userid)?.querySelector('video');
      if (!video) continue;
      const size = [video.clientWidth, video.clientHeight].map((pixels) => Math.round(pixels * devicePixelRatio));
      if (this.#told.get(id) === size.join('x')) continue;
      this.#told.set(id, size.join('x'));
      this.#onSized(id, ...size);
    }
  }

  #receivedTrack({ userid, source }) {
    const isIt = (stream) => stream.userid === userid && stream.source === source;
    return [...this.#pictures.values()].find(isIt)?.track ?? null;
  }

  #publicationOf({ userid }, source) {
    return this.#room.publications.find((publication) => publication.userid === userid && publication.source === source);
  }

  #isSilent(facts) {
    if (facts.source !== 'camera' || facts.userid === null) return false;
    if (facts.closed.audio) return true;
    const microphone = this.#publicationOf(facts, 'microphone');
    return !microphone || microphone.muted;
  }

  #addSound({ publication_id: id, userid, track }) {
    const sound = element('audio', { autoplay: '', class: 'remote-audio', data: { userid } });
    sound.srcObject = new MediaStream([track]);
    this.#sounds.set(id, sound);
    document.body.append(sound);
    this.#play(sound);
  }

  async #play(sound) {
    try {
      await sound.play();
    } catch (error) {
      // Anything else than "the user has not touched the page yet" is an element that is already gone.
      if (error.name === 'NotAllowedError') byId('tap-to-hear').hidden = false;
    }
  }

  #playAll() {
    byId('tap-to-hear').hidden = true;
    for (const sound of this.#sounds.values()) this.#play(sound);
  }
}

function setPicture(tile, track, isHidden) {
  const video = tile.querySelector('video');
  video.hidden = isHidden;
  if (video.srcObject?.getTracks()[0] === (track ?? undefined)) return;
  video.srcObject = track ? new MediaStream([track]) : null;
}

/** Only what is different: the room changes with every word that is spoken. */
function setText(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

/** A free place where only voices are; whoever wants it finds it in the list of seats. */
function vacantPlace({ name, isLocked }) {
  return element('span', { class: 'avatar free', ...(isLocked ? { icon: 'lock' } : { text: name }) });
}

function labelled(name, className, text) {
  const made = element('span', { class: className, role: 'img', 'aria-label': text, title: text, hidden: '' });
  made.append(icon(name));
  return made;
}
