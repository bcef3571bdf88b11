/**
 * The chat of the room page: what was said, and one's own line. It shows what it gets and reports what was written;
 * names and texts are user input and go in as text.
 */

import { byId, element, hueOf } from './dom.js';
import { MOST_MESSAGES, MessageFeed } from './message_feed.js';
import { say, spanInWords } from './words.js';

/** The server's limit of one message, in bytes of UTF-8. */
const MOST_BYTES = 1000;

/** The counter shows up when so much is left. */
const NEARLY_BYTES = 200;

/** Who is so near to the end reads along. */
const AT_END_PX = 48;

const encoder = new TextEncoder();

/** @param {string} text @returns {number} bytes left in one message, negative when there are too many */
export function bytesLeft(text) {
  return MOST_BYTES - encoder.encode(text).length;
}

export class Chat {
  #send;
  #giftName;
  #feed = new MessageFeed((messages) => this.#show(messages));
  #list = byId('messages');
  #input = byId('chat-text');
  #unread = 0;
  #wasAtEnd = true;
  #mutedUntil = 0;
  #muteTimer = null;
  #isForHosts = false;

  /**
   * @param {(text: string) => Promise<object>} send  resolves to the Message
   * @param {(gift_id: string) => string} giftName
   */
  constructor(send, giftName) {
    this.#send = send;
    this.#giftName = giftName;
    byId('chat-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener('input', () => this.#written());
    this.#list.addEventListener('scroll', () => this.#scrolled());
    byId('new-messages').addEventListener('click', () => this.#toEnd());
    this.#showRight();
    // The keyboard of a phone and a turned screen change the height; who was at the end stays there.
    new ResizeObserver(() => this.#sized()).observe(this.#list);
  }

  /** Takes in messages, by notification or from the history. @param {object[]} messages */
  add(messages) {
    this.#feed.add(messages);
  }

  /** Whether only hosts may write, and this member is none. */
  setForHosts(isForHosts) {
    if (isForHosts === this.#isForHosts) return;
    this.#isForHosts = isForHosts;
    this.#showRight();
  }

  /** This member may not write until then. @param {number} until  Unix seconds; past: it may again */
  setMuted(until) {
    const seconds = until - Date.now() / 1000;
    clearTimeout(this.#muteTimer);
    this.#mutedUntil = seconds > 0 ? until : 0;
    if (seconds > 0) this.#muteTimer = setTimeout(() => this.setMuted(0), Math.min(seconds * 1000, 2 ** 31 - 1));
    this.#refuse(seconds > 0 ? say('chat_muted', { span: spanInWords(seconds) }) : '');
    this.#showRight();
  }

  /** Nothing more is shown. */
  stop() {
    clearTimeout(this.#muteTimer);
    this.#feed.stop();
  }

  #showRight() {
    const isClosed = this.#isForHosts || this.#mutedUntil > 0;
    this.#input.disabled = isClosed;
    byId('chat-send').disabled = isClosed;
    const why = this.#mutedUntil > 0 ? 'chat_muted_short' : this.#isForHosts ? 'chat_for_hosts' : 'chat_placeholder';
    this.#input.placeholder = say(why);
  }

  async #submit() {
    const text = this.#input.value.trim();
    if (text === '') return;
    if (bytesLeft(text) < 0) return this.#refuse(say('chat_too_long', { bytes: -bytesLeft(text) }));
    // The line is empty at once, for the next one; what is refused comes back unless something else is there by then.
    this.#input.value = '';
    this.#written();
    try {
      this.add([await this.#send(text)]);
      this.#toEnd();
    } catch (error) {
      if (this.#input.value === '') this.#input.value = text;
      this.#written();
      this.#refuse(error.name === 'too_frequent' ? say('chat_too_fast') : error.message);
      // A mute from before this member came in: nothing has told of it until now.
      if (error.name === 'muted' && error.data?.seconds) this.setMuted(Date.now() / 1000 + error.data.seconds);
    }
  }

  #written() {
    const left = bytesLeft(this.#input.value.trim());
    const counter = byId('chat-counter');
    counter.hidden = left > NEARLY_BYTES;
    counter.classList.toggle('over', left < 0);
    counter.textContent = say('chat_left', { count: left });
    if (this.#mutedUntil === 0) this.#refuse('');
  }

  #refuse(text) {
    byId('chat-refusal').textContent = text;
    byId('chat-refusal').hidden = text === '';
  }

  #show(messages) {
    const lines = messages.map((message) => this.#line(message)).filter(Boolean);
    if (lines.length === 0) return;
    requestAnimationFrame(() => {
      const wasAtEnd = this.#isAtEnd();
      this.#list.append(...lines);
      while (this.#list.childElementCount > MOST_MESSAGES) this.#list.firstElementChild.remove();
      byId('chat-empty').hidden = true;
      if (wasAtEnd) this.#list.scrollTop = this.#list.scrollHeight;
      else this.#setUnread(this.#unread + lines.length);
    });
  }

  #line({ kind, userid, name, text, data }) {
    const author = name || userid || '';
    if (kind === 'text') return messageLine(userid, author, text);
    if (kind === 'gift') return noteLine('gift-line', this.#giftSentence(author, data));
    if (kind === 'system') return noteLine('system-line', text);
    if (kind === 'enter') return noteLine('enter-line', say('chat_entered', { name: author }));
    if (kind === 'like') return noteLine('like-line', text || say('chat_liked', { name: author }));
    return null; // An app's own: what it means only the app knows.
  }

  #giftSentence(name, data) {
    const { gift_id, count } = readGift(data);
    return say('chat_gift', { name, count, gift: this.#giftName(gift_id) });
  }

  #scrolled() {
    this.#wasAtEnd = this.#isAtEnd();
    if (this.#wasAtEnd) this.#setUnread(0);
  }

  #sized() {
    if (this.#wasAtEnd) this.#list.scrollTop = this.#list.scrollHeight;
  }

  #isAtEnd() {
    return this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < AT_END_PX;
  }

  #toEnd() {
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#setUnread(0);
  }

  #setUnread(count) {
    this.#unread = count;
    byId('new-messages').hidden = count === 0;
    byId('new-messages').querySelector('span').textContent = say('new_messages', { count });
  }
}

/** The facts in a gift's message; what cannot be read is an unknown gift. */
export function readGift(data) {
  try {
    const { gift_id = '', count = 1, coins = 0, receivers = [] } = JSON.parse(data);
    return { gift_id: String(gift_id), count: Number(count), coins: Number(coins), receivers };
  } catch {
    return { gift_id: '', count: 1, coins: 0, receivers: [] };
  }
}

function messageLine(userid, author, text) {
  const name = element('span', { class: 'author', text: say('chat_author', { name: author }) });
  name.style.setProperty('--hue', String(hueOf(userid ?? '')));
  return element('li', { class: 'message', data: { userid: userid ?? '' } }, [
    name, ' ', element('span', { class: 'message-text', text }),
  ]);
}

function noteLine(kind, text) {
  return element('li', { class: `message note-line ${kind}`, text });
}
