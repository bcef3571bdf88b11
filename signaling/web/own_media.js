/**
 * One's own camera and microphone on the room page: opened on the way to a seat, published, muted, exchanged, and turned
 * off again. A device that is missing or refused does not keep one from the stage; its button tries again.
 *
 * What is sent of the camera is its own track, or that of the beauty filter while this is on.
 */

import { BeautyFilter, OFF, isOn } from './beauty.js';
import { byId, element, setToggle, toast, toastError } from './dom.js';
import { listDevices, openCamera, openCameraAndMicrophone, openMicrophone } from './live_client.js';
import { say } from './words.js';

const BUTTONS = {
  audio: { id: 'mute-mic', on: 'mic', off: 'mic-off', device: 'microphone' },
  video: { id: 'mute-cam', on: 'cam', off: 'cam-off', device: 'camera' },
};

export class OwnMedia {
  /** @type {{audio: MediaStreamTrack|null, video: MediaStreamTrack|null}} */
  tracks = { audio: null, video: null };

  #client;
  #onChange;
  #isOn = false;
  #camera = null;
  #levels = OFF;
  #filter = null;
  #turn = Promise.resolve();

  /**
   * @param {import('./live_client.js').LiveClient} client
   * @param {() => void} onChange  a track came, went, or was muted
   */
  constructor(client, onChange) {
    this.#client = client;
    this.#onChange = onChange;
    navigator.mediaDevices?.addEventListener('devicechange', () => this.#fillSelects());
  }

  /** Opens what there is; asked before the room is created, so that the live begins with a picture. */
  async open() {
    this.#isOn = true;
    const { video, audio, errors } = await openCameraAndMicrophone({ maxPixels: this.#client.edition.max_pixels });
    this.#adopt('video', video);
    this.#adopt('audio', audio);
    errors.forEach(toastError);
    await this.#fillSelects();
    this.#changed();
  }

  /** Publishes what is open. */
  async publish() {
    if (this.tracks.audio || this.tracks.video) await this.#client.publish(this.tracks);
    this.#changed();
  }

  /** Turns the devices off. */
  stop() {
    this.#isOn = false;
    for (const key of ['audio', 'video']) this.#letGo(key);
    this.#changed();
  }

  /** How one wishes to look. @param {import('./beauty.js').Levels} levels  all 0: the camera's own picture is sent */
  beautify(levels) {
    this.#levels = levels;
    this.#turn = this.#turn.then(() => this.#refilter()).catch(toastError);
    return this.#turn;
  }

  /** Mutes or unmutes; opens and publishes the device if that has not succeeded yet. */
  async toggle(key) {
    const track = this.tracks[key];
    if (!track) return this.#start(key);
    // The track is switched before the server answers; the button shall show it at once.
    const told = this.#client.mute(key, track.enabled);
    this.#changed();
    await told;
  }

  /** Uses another device. */
  async choose(key, deviceId) {
    // Some systems give a device out only once: the old one is let go first.
    this.#letGo(key);
    try {
      await this.#open(key, deviceId);
    } finally {
      await this.#sendAnew(key);
      this.#changed();
    }
  }

  /** Exchanges what is being sent, or begins or ends sending it. */
  async #sendAnew(key) {
    const track = this.tracks[key];
    if (track && this.#client.publicationOf(key)) await this.#client.replaceTrack(key, track);
    else await this.#client.publish({ [key]: track });
  }

  async #start(key) {
    await this.#open(key);
    await this.#fillSelects();
    await this.publish();
  }

  async #open(key, deviceId) {
    const maxPixels = this.#client.edition.max_pixels;
    this.#adopt(key, await (key === 'video' ? openCamera({ deviceId, maxPixels }) : openMicrophone({ deviceId })));
  }

  /** Takes a track over; one that comes after the stage was left is turned off. */
  #adopt(key, track) {
    if (!track) return;
    if (!this.#isOn) return void track.stop();
    track.addEventListener('ended', () => this.#ended(key, track));
    if (key === 'video') this.#camera = track;
    this.tracks[key] = key === 'video' ? this.#filtered() : track;
  }

  #letGo(key) {
    this.tracks[key]?.stop();
    this.tracks[key] = null;
    if (key !== 'video') return;
    this.#camera?.stop();
    this.#camera = null;
    this.#dropFilter();
  }

  /** The camera as it is to be seen. A filter that cannot be made is none: the live goes on with the camera itself. */
  #filtered() {
    if (!isOn(this.#levels)) return this.#camera;
    try {
      this.#filter = new BeautyFilter(this.#camera, this.#levels);
      return this.#filter.track;
    } catch (error) {
      toastError(error);
      return this.#camera;
    }
  }

  #dropFilter() {
    this.#filter?.stop();
    this.#filter = null;
  }

  /** Between on and off another track is sent; between two strengths nothing but the numbers change. */
  async #refilter() {
    if (!this.#camera) return;
    const { video: before } = this.tracks;
    if (this.#filter && isOn(this.#levels)) return this.#filter.setLevels(this.#levels);
    if (!this.#filter && !isOn(this.#levels)) return;
    const old = this.#filter;
    this.#filter = null;
    const track = this.#filtered();
    track.enabled = before.enabled;
    this.tracks.video = track;
    if (this.#client.publicationOf('video')) await this.#client.replaceTrack('video', track);
    old?.stop();
    this.#changed();
  }

  /** The device was pulled out, or its permission was taken back. */
  async #ended(key, track) {
    if ((key === 'video' ? this.#camera : this.tracks[key]) !== track) return;
    this.#letGo(key);
    toast(say('device_ended', { device: say(BUTTONS[key].device) }), 'error');
    this.#changed();
    await this.#client.publish({ [key]: null }).catch(toastError);
  }

  #changed() {
    for (const [key, { id, on, off }] of Object.entries(BUTTONS)) {
      const isMuted = !this.tracks[key]?.enabled;
      setToggle(byId(id), isMuted, isMuted ? off : on);
    }
    this.#onChange();
  }

  async #fillSelects() {
    const { cameras, microphones } = await listDevices();
    fillSelect(byId('camera-select'), cameras, this.#camera, 'unnamed_camera');
    fillSelect(byId('mic-select'), microphones, this.tracks.audio, 'unnamed_microphone');
  }
}

function fillSelect(select, devices, track, unnamed) {
  const current = track?.getSettings().deviceId;
  select.replaceChildren(...devices.map(({ deviceId, label }, index) => (
    element('option', { value: deviceId, text: label || say(unnamed, { number: index + 1 }) }))));
  if (current) select.value = current;
  select.disabled = devices.length === 0;
}
