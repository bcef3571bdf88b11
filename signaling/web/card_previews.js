/**
 * A look into a room on its card: after a moment of pointing at it, of focus, or of resting in the middle of a screen
 * that is touched. One at a time, without sound, and over when the attention goes elsewhere.
 */

import { element } from './dom.js';

/** Who only passes by starts nothing. */
const AFTER_MS = 400;

const touch = matchMedia('(hover: none)');
const calm = matchMedia('(prefers-reduced-motion: reduce)');

export class CardPreviews {
  #client;
  #cards = new Map();
  #wanted = null;
  #shown = null;
  #timer = null;

  /** @param {import('./live_client.js').LiveClient} client  connected, with the edition's previews */
  constructor(client) {
    this.#client = client;
    client.addEventListener('stream-added', ({ detail }) => this.#streamAdded(detail));
    client.addEventListener('stream-removed', ({ detail }) => { if (detail.room_id === this.#shown) this.#hide(); });
    client.addEventListener('preview.ended', ({ detail }) => { if (detail.room_id === this.#shown) this.#hide(); });
    client.addEventListener('media.layer', ({ detail }) => this.#layerChosen(detail));
    document.addEventListener('visibilitychange', () => (document.hidden ? this.#want(null) : this.lookAround()));
    addEventListener('scroll', () => this.lookAround(), { passive: true });
  }

  /** A card is there. */
  watch(card, room_id) {
    this.#cards.set(room_id, card);
    card.addEventListener('pointerenter', ({ pointerType }) => { if (pointerType === 'mouse') this.#want(room_id); });
    card.addEventListener('pointerleave', ({ pointerType }) => { if (pointerType === 'mouse') this.#leave(room_id); });
    card.addEventListener('focusin', ({ target }) => { if (target.matches(':focus-visible')) this.#want(room_id); });
    card.addEventListener('focusout', () => this.#leave(room_id));
  }

  /** A card is gone. */
  forget(room_id) {
    this.#leave(room_id);
    this.#cards.delete(room_id);
  }

  /** Where nothing hovers: looks into the card in the middle of the screen, unless people want no motion or save data. */
  lookAround() {
    if (!touch.matches || calm.matches || navigator.connection?.saveData) return;
    this.#want(this.#inTheMiddle());
  }

  /** The middle wanders with the page from the upper to the lower quarter: the first and the last cards have a turn. */
  #inTheMiddle() {
    const turned = scrollY / Math.max(1, document.documentElement.scrollHeight - innerHeight);
    const y = innerHeight * (0.25 + 0.5 * Math.min(1, turned));
    let nearest = null;
    for (const [room_id, card] of this.#cards) {
      const cover = card.querySelector('.cover').getBoundingClientRect();
      if (cover.bottom < 0 || cover.top > innerHeight) continue;
      // Of two beside each other, the first.
      const distance = Math.abs((cover.top + cover.bottom) / 2 - y);
      if (nearest === null || distance < nearest.distance) nearest = { room_id, distance };
    }
    return nearest?.room_id ?? null;
  }

  #leave(room_id) {
    if (room_id === this.#wanted) this.#want(null);
  }

  #want(room_id) {
    if (room_id === this.#wanted) return;
    this.#wanted = room_id;
    clearTimeout(this.#timer);
    this.#stop();
    if (room_id !== null) this.#timer = setTimeout(() => this.#start(room_id), AFTER_MS);
  }

  #start(room_id) {
    this.#shown = room_id;
    // A preview that is refused is no news: the card stays as it is.
    this.#client.startPreview(room_id).catch(() => { if (this.#shown === room_id) this.#hide(); });
  }

  #stop() {
    if (this.#shown === null) return;
    this.#client.stopPreview(this.#shown).catch(() => {});
    this.#hide();
  }

  #hide() {
    const card = this.#cards.get(this.#shown);
    this.#shown = null;
    if (!card) return;
    delete card.dataset.publication;
    card.classList.remove('previewing');
    const video = card.querySelector('video');
    if (video) video.srcObject = null;
    video?.remove();
  }

  #streamAdded({ room_id, publication_id, track }) {
    const card = this.#cards.get(room_id);
    if (room_id !== this.#shown || !card || card.querySelector('video')) return;
    card.dataset.publication = publication_id;
    const video = element('video', { class: 'preview', playsinline: '', disablepictureinpicture: '', 'aria-hidden': 'true' });
    video.muted = true;
    video.autoplay = true;
    video.srcObject = new MediaStream([track]);
    // The cover stays until there is something to see.
    const show = () => { if (video.isConnected) card.classList.add('previewing'); };
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(show);
    else video.addEventListener('playing', show, { once: true });
    card.querySelector('.cover').append(video);
    video.play().catch(() => {});
  }

  /** What is paused for want of bandwidth shows the cover again. */
  #layerChosen({ publication_id, paused }) {
    const card = this.#cards.get(this.#shown);
    if (card?.dataset.publication !== publication_id) return;
    card.classList.toggle('previewing', !paused && card.querySelector('video').videoWidth > 0);
  }
}
