/**
 * The receiving RTCPeerConnection of a member: the server offers, we answer, and `streams` says what comes in.
 *
 * A stream is found by its section's `mid`, never by a track id: a section that carries another publication later keeps
 * the track it had at first. Offers are answered one at a time; of several that wait, only the newest matters.
 */

import { delayBefore, pause } from './backoff.js';
import { DATA_CHANNEL } from './sending.js';

/** Characters of a publication's id, which stands before each message. */
const ID_LENGTH = 20;

/**
 * @typedef {object} Stream
 * @property {string} publication_id
 * @property {string} room_id  where it is published
 * @property {string} userid  who sends it
 * @property {'audio'|'video'} kind
 * @property {string} source  `microphone`, `camera` or `screen`
 * @property {string} mid
 * @property {MediaStreamTrack} track
 */

export class Receiving {
  /** @type {Map<string, Stream>} by publication_id */
  streams = new Map();

  #request;
  #onAdded;
  #onRemoved;
  #onData;
  #data = null;
  #wantsData = false;
  #pc = null;
  #revision = -1;
  #pending = null;
  #answering = false;
  #owesAnswer = false;
  #resets = 0;
  #resetting = false;
  #stopped = new AbortController();

  /**
   * @param {(method: string, params?: object) => Promise<object>} request
   * @param {(stream: Stream) => void} onAdded
   * @param {(stream: Stream) => void} onRemoved
   * @param {(publication_id: string, data: Uint8Array) => void} onData
   */
  constructor(request, onAdded, onRemoved, onData) {
    this.#request = request;
    this.#onAdded = onAdded;
    this.#onRemoved = onRemoved;
    this.#onData = onData;
  }

  /** The connection, for statistics; null while nothing was offered. */
  get connection() {
    return this.#pc;
  }

  /** Whether the server has to be asked to begin anew after the signaling connection was lost. */
  get isBroken() {
    return this.#owesAnswer || this.#pc?.connectionState === 'failed';
  }

  /** Whether messages are wanted; the server's next offer has the channel then. */
  set wantsData(wanted) {
    this.#wantsData = wanted;
    if (this.#pc) this.#openData(this.#pc);
  }

  /** Takes a `media.offer`. One that is older than what was answered, or of a connection we have given up, is ignored. */
  async offer(offer) {
    if (!offer.fresh && (offer.revision <= this.#revision || !(this.#pc || this.#pending))) return;
    this.#revision = offer.revision;
    this.#pending = { ...offer, fresh: offer.fresh || Boolean(this.#pending?.fresh) };
    if (this.#answering) return;
    this.#answering = true;
    while (this.#pending) await this.#answerPending();
    this.#answering = false;
  }

  /** Asks the server for a fresh offer; each time without success in between, a little later. */
  async reset() {
    if (this.#resetting) return;
    this.#resetting = true;
    const { signal } = this.#stopped;
    if (this.#resets > 0) await pause(delayBefore(this.#resets), signal);
    this.#resets += 1;
    this.#resetting = false;
    // A lost connection is no reason to try: coming back asks again.
    if (!signal.aborted) await this.#request('media.reset').catch(() => { this.#owesAnswer = true; });
  }

  /** Forgets all: the room is left or gone. */
  stop() {
    this.#stopped.abort();
    this.#stopped = new AbortController();
    this.#pending = null;
    this.#revision = -1;
    this.#owesAnswer = false;
    this.#resets = 0;
    this.#closeConnection();
  }

  async #answerPending() {
    const offer = this.#pending;
    this.#pending = null;
    if (offer.fresh) this.#closeConnection();
    const pc = (this.#pc ??= this.#open());
    try {
      await pc.setRemoteDescription({ type: 'offer', sdp: offer.sdp });
      await pc.setLocalDescription();
    } catch {
      if (pc === this.#pc) this.reset();
      return;
    }
    if (pc !== this.#pc) return;
    this.#adopt(offer.streams);
    await this.#sendAnswer(offer.revision, pc);
  }

  async #sendAnswer(revision, pc) {
    const { sdp } = pc.localDescription;
    this.#owesAnswer = true;
    try {
      await this.#request('media.answer', { revision, sdp });
      this.#owesAnswer = false;
    } catch (error) {
      if (error.isNetwork) return;
      this.#owesAnswer = false;
      if (pc !== this.#pc) return;
      // "Nobody waits for it" means that a newer offer is on its way.
      if (error.name !== 'media_state') this.reset();
    }
  }

  #open() {
    const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    pc.onconnectionstatechange = () => {
      if (pc !== this.#pc) return;
      if (pc.connectionState === 'connected') this.#resets = 0;
      if (pc.connectionState === 'failed') this.reset();
    };
    this.#openData(pc);
    return pc;
  }

  #openData(pc) {
    if (!this.#wantsData || this.#data) return;
    this.#data = pc.createDataChannel('tally', DATA_CHANNEL);
    this.#data.binaryType = 'arraybuffer';
    this.#data.onmessage = ({ data }) => {
      const bytes = new Uint8Array(data);
      const id = String.fromCharCode(...bytes.subarray(0, ID_LENGTH));
      if (this.#wantsData) this.#onData(id, bytes.subarray(ID_LENGTH));
    };
  }

  /** Makes `streams` what the offer says: first all that ended, then all that are new. */
  #adopt(described) {
    const tracks = new Map(this.#pc.getTransceivers().map(({ mid, receiver }) => [mid, receiver.track]));
    const wanted = new Map(described.map((stream) => [stream.publication_id, stream]));
    for (const [id, stream] of this.streams) {
      if (wanted.get(id)?.mid !== stream.mid) this.#remove(id, stream);
    }
    for (const [id, stream] of wanted) {
      if (!this.streams.has(id) && tracks.has(stream.mid)) this.#add(id, { ...stream, track: tracks.get(stream.mid) });
    }
  }

  #add(id, stream) {
    this.streams.set(id, stream);
    this.#onAdded(stream);
  }

  #remove(id, stream) {
    this.streams.delete(id);
    this.#onRemoved(stream);
  }

  #closeConnection() {
    this.#pc?.close();
    this.#pc = null;
    this.#data = null;
    for (const [id, stream] of [...this.streams]) this.#remove(id, stream);
  }
}
