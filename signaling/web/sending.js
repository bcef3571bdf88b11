/**
 * The sending RTCPeerConnection of a member: microphone, camera and screen go out on one connection, offered by us.
 *
 * It decides nothing about the room. Calls are carried out one after the other, since a connection can make only one
 * offer at a time. The server is ICE-lite with all its candidates in the answer, so nobody waits for gathering.
 */

import { LiveError } from './errors.js';

/** Enough for 720p; the caller may say otherwise. */
export const DEFAULT_MAX_BITRATE = 1_500_000;

/**
 * Layers of a simulcast, smallest first: each is half as wide as the next and has its own share of the bit rate. The
 * server gives every viewer the one that fits its screen and its line. Without temporal layers: of a picture that has
 * them, a browser shows only half of the frames when packets are lost, since it does not wait for what it can do without.
 */
const LAYERS = [
  { rid: 'q', scaleResolutionDownBy: 4, share: 0.1 },
  { rid: 'h', scaleResolutionDownBy: 2, share: 0.33 },
  { rid: 'f', scaleResolutionDownBy: 1, share: 1 },
];

/** A layer is not worth its encoding below this width. */
const MIN_LAYER_WIDTH = 240;

/** What both sides know of the data channel without saying so. */
export const DATA_CHANNEL = { negotiated: true, id: 0, ordered: false, maxRetransmits: 3 };

const KIND = { microphone: 'audio', camera: 'video', screen: 'video' };

export class Sending {
  #request;
  #onFailed;
  #onPublished;
  #pc = null;
  #tracks = new Map();
  #transceivers = new Map();
  #publications = new Map();
  #maxBitrate = DEFAULT_MAX_BITRATE;
  #data = null;
  #turn = Promise.resolve();

  /**
   * @param {(method: string, params?: object) => Promise<object>} request
   * @param {(publications: object[]) => void} onPublished  the server has accepted these
   * @param {() => void} onFailed  the connection is beyond repair; `republish()` is due
   */
  constructor(request, onPublished, onFailed) {
    this.#request = request;
    this.#onPublished = onPublished;
    this.#onFailed = onFailed;
  }

  /** The connection, for statistics; null while nothing is sent. */
  get connection() {
    return this.#pc;
  }

  /** Whether there is anything this member wants to send. */
  get isActive() {
    return this.#tracks.size > 0;
  }

  /** The accepted Publication of a source, if any. */
  publicationOf(source) {
    return this.#publications.get(source);
  }

  /**
   * Sends these tracks from now on: a track replaces the one of its source, null ends the source, a source that is not
   * named stays as it is.
   * @param {Map<string, MediaStreamTrack|null>} wanted  by source
   * @param {number} [maxBitrate]  bit/s for each picture
   * @returns {Promise<object[]>} the publications
   */
  publish(wanted, maxBitrate = this.#maxBitrate) {
    return this.#inTurn(() => {
      this.#maxBitrate = maxBitrate;
      for (const [source, track] of wanted) this.#want(source, track);
      return this.#tracks.size ? this.#send() : this.#withdraw();
    });
  }

  /** Sends the same tracks over a new connection: the old one failed or the server has forgotten it. */
  republish() {
    return this.#inTurn(async () => {
      if (!this.isActive) return [];
      this.#close();
      return this.#send();
    });
  }

  /** Takes everything back, at the server too. */
  unpublish() {
    return this.#inTurn(() => this.#withdraw());
  }

  /** Another device for a source that is being sent: the receivers notice nothing but the picture. */
  replaceTrack(source, track) {
    return this.#inTurn(async () => {
      track.enabled = this.#tracks.get(source)?.enabled ?? true;
      this.#tracks.set(source, track);
      await this.#transceivers.get(source)?.sender.replaceTrack(track);
    });
  }

  /**
   * Sends a message to everybody who has asked for messages: unordered, soon or not at all. Needs something that is being
   * published.
   * @param {string|Uint8Array} message  at most 16 KiB; some fifty a second pass
   */
  async sendData(message) {
    const channel = await this.#inTurn(() => this.#openData());
    channel.send(message);
  }

  /** Silences or blackens a source at once, then tells the room so that pages can show it. */
  async mute(source, muted) {
    const track = this.#tracks.get(source);
    if (track) track.enabled = !muted;
    const publication = this.#publications.get(source);
    if (publication) await this.#request('media.mute', { publication_id: publication.publication_id, muted });
  }

  /** Takes a `media.layers`: layers that nobody watches need not be encoded. */
  async setLayers({ mid, layers }) {
    const transceiver = [...this.#transceivers.values()].find((candidate) => candidate.mid === mid);
    if (!transceiver) return;
    const parameters = transceiver.sender.getParameters();
    for (const encoding of parameters.encodings) {
      if (encoding.rid in layers) encoding.active = layers[encoding.rid];
    }
    // A connection that is being renegotiated or closed refuses; the server goes on with what flows.
    await transceiver.sender.setParameters(parameters).catch(() => {});
  }

  /** Forgets all without telling the server, which has ended it already or will never know. */
  stop() {
    this.#tracks.clear();
    this.#close();
  }

  #inTurn(action) {
    const result = this.#turn.then(action);
    this.#turn = result.catch(() => {});
    return result;
  }

  #want(source, track) {
    if (track) this.#tracks.set(source, track);
    else this.#tracks.delete(source);
  }

  async #withdraw() {
    const wasSending = this.#pc !== null;
    this.stop();
    if (wasSending) await this.#request('media.unpublish');
    return [];
  }

  async #send() {
    try {
      this.#pc ??= this.#open();
      const changed = await this.#matchTransceivers();
      if (changed) await this.#negotiate();
    } catch (error) {
      // After a lost connection the tracks are kept: the client publishes them again when it is back.
      if (error.isNetwork) this.#close();
      else this.stop();
      throw error;
    }
    return [...this.#publications.values()];
  }

  /** The data channel, made with the first message: who sends none has none. */
  async #openData() {
    if (!this.#pc) throw LiveError.local('closed');
    if (!this.#data) {
      this.#data = this.#pc.createDataChannel('tally', DATA_CHANNEL);
      await this.#negotiate();
    }
    const channel = this.#data;
    if (channel.readyState === 'connecting') {
      await new Promise((resolve, reject) => {
        channel.onopen = resolve;
        channel.onclose = () => reject(LiveError.local('closed'));
      });
    }
    if (channel.readyState !== 'open') throw LiveError.local('closed');
    return channel;
  }

  #open() {
    const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    pc.onconnectionstatechange = () => {
      if (pc === this.#pc && pc.connectionState === 'failed') this.#onFailed();
    };
    return pc;
  }

  /**
   * Brings the transceivers in line with the wanted tracks; true when the server must be asked. The section of a source
   * that ended stays in the description, inactive, and serves the same source again.
   */
  async #matchTransceivers() {
    let changed = false;
    for (const [source, track] of this.#tracks) {
      const transceiver = this.#transceivers.get(source);
      if (transceiver) await transceiver.sender.replaceTrack(track);
      else this.#transceivers.set(source, this.#addTransceiver(source, track));
      changed = this.#direct(source, 'sendonly') || !transceiver || changed;
    }
    for (const [source, transceiver] of this.#transceivers) {
      if (this.#tracks.has(source)) continue;
      await transceiver.sender.replaceTrack(null);
      changed = this.#direct(source, 'inactive') || changed;
    }
    return changed;
  }

  /** Sets the direction of a source's section; true when it was another one. */
  #direct(source, direction) {
    const transceiver = this.#transceivers.get(source);
    const isOther = transceiver.direction !== direction;
    transceiver.direction = direction;
    return isOther;
  }

  #addTransceiver(source, track) {
    const options = { direction: 'sendonly' };
    if (KIND[source] === 'video') options.sendEncodings = this.#encodings(source, track);
    return this.#pc.addTransceiver(track, options);
  }

  /** A camera goes out in as many layers as its size is worth; a screen in one, since its small layers are unreadable. */
  #encodings(source, track) {
    const width = track.getSettings().width ?? 640;
    const layers = LAYERS.filter(({ scaleResolutionDownBy: scale }) => width / scale >= MIN_LAYER_WIDTH);
    if (source === 'screen' || layers.length < 2) return [{ maxBitrate: this.#maxBitrate }];
    return layers.map(({ share, ...layer }) => (
      { ...layer, maxBitrate: Math.round(share * this.#maxBitrate), scalabilityMode: 'L1T1' }));
  }

  async #negotiate() {
    const pc = this.#pc;
    await pc.setLocalDescription();
    const sources = Object.fromEntries([...this.#tracks.keys()].map(
      (source) => [this.#transceivers.get(source).mid, source]));
    const answer = await this.#request('media.publish', { sdp: pc.localDescription.sdp, sources });
    if (pc !== this.#pc) throw LiveError.local('closed');
    await pc.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
    this.#accept(answer.publications);
  }

  #accept(publications) {
    this.#publications = new Map(publications.map((publication) => [publication.source, publication]));
    this.#onPublished(publications);
    for (const [source, track] of this.#tracks) {
      if (!track.enabled) this.mute(source, true).catch(() => {});
    }
  }

  #close() {
    this.#pc?.close();
    this.#pc = null;
    this.#data = null;
    this.#transceivers.clear();
    this.#publications.clear();
  }
}
