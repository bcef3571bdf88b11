/**
 * Camera, microphone and screen: opening them, listing them, and their troubles in words.
 *
 * What is done with the tracks is not decided here. A track that is no longer wanted must be stopped by whoever opened it:
 * that is what turns the camera's light off.
 */

import { LiveError } from './errors.js';

/** The pictures we ask a camera for, largest first. */
const CAMERA_SIZES = [[1280, 720], [640, 360], [320, 180]];

/**
 * Camera and microphone with one question to the user. What is missing or refused does not keep the other back.
 * @param {object} [options]
 * @param {number} [options.maxPixels]  the edition's `max_pixels`
 * @returns {Promise<{video: MediaStreamTrack|null, audio: MediaStreamTrack|null, errors: LiveError[]}>}
 */
export async function openCameraAndMicrophone({ maxPixels } = {}) {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: camera({ maxPixels }), audio: microphone({}) });
    return { video: stream.getVideoTracks()[0], audio: stream.getAudioTracks()[0], errors: [] };
  } catch {
    // The browser does not say which of the two is the trouble.
    return oneByOne({ maxPixels });
  }
}

/**
 * @param {object} [options]
 * @param {string} [options.deviceId]  from `listDevices`; absent: the browser's choice
 * @param {number} [options.maxPixels]  the edition's `max_pixels`
 * @returns {Promise<MediaStreamTrack>}
 */
export function openCamera(options = {}) {
  return open('camera', (media) => media.getUserMedia({ video: camera(options) }));
}

/**
 * @param {object} [options]
 * @param {string} [options.deviceId]
 * @returns {Promise<MediaStreamTrack>}
 */
export function openMicrophone(options = {}) {
  return open('microphone', (media) => media.getUserMedia({ audio: microphone(options) }));
}

/** @returns {Promise<MediaStreamTrack>} what the user chose to show */
export function openScreen() {
  return open('screen', (media) => media.getDisplayMedia({ video: { frameRate: { max: 15 } } }));
}

/**
 * The cameras and microphones there are. Their labels are empty until one of them was allowed.
 * @returns {Promise<{cameras: MediaDeviceInfo[], microphones: MediaDeviceInfo[]}>}
 */
export async function listDevices() {
  const all = await (navigator.mediaDevices?.enumerateDevices() ?? []);
  return {
    cameras: all.filter((device) => device.kind === 'videoinput'),
    microphones: all.filter((device) => device.kind === 'audioinput'),
  };
}

function camera({ deviceId, maxPixels = Infinity }) {
  const [width, height] = CAMERA_SIZES.find(([w, h]) => w * h <= maxPixels) ?? CAMERA_SIZES.at(-1);
  return { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 30 }, ...exactly(deviceId) };
}

function microphone({ deviceId }) {
  return { echoCancellation: true, noiseSuppression: true, autoGainControl: true, ...exactly(deviceId) };
}

async function oneByOne(options) {
  const errors = [];
  const noted = (error) => {
    errors.push(error);
    return null;
  };
  const video = await openCamera(options).catch(noted);
  const audio = await openMicrophone().catch(noted);
  return { video, audio, errors };
}

function exactly(deviceId) {
  return deviceId ? { deviceId: { exact: deviceId } } : {};
}

async function open(device, ask) {
  if (!navigator.mediaDevices) throw LiveError.local('insecure_page');
  try {
    const stream = await ask(navigator.mediaDevices);
    return stream.getTracks()[0];
  } catch (cause) {
    throw LiveError.fromDevice(device, cause);
  }
}
