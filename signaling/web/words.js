/**
 * Every sentence of the pages and of the library, by key: add a table beside `en` and the pages speak another language.
 *
 * Not here: what the server refuses. Its errors carry their own sentence (`error.message`), which is shown as it comes.
 */

const en = {
  // Errors of the library: the network.
  error_connect_failed: 'The server cannot be reached. Check your connection and try again.',
  error_connection_lost: 'The connection to the server was lost.',
  error_timeout: 'The server did not answer in time.',
  error_closed: 'The connection is closed.',
  error_media_failed: 'Picture and sound cannot get through to the server. A firewall may be blocking UDP.',
  error_unexpected_answer: 'The server answered in a way this page does not understand.',

  // Errors of the library: the devices.
  error_insecure_page: 'Browsers give out camera and microphone only on https:// or localhost.',
  error_camera_denied: 'The camera is not allowed. Allow it in the address bar and try again.',
  error_camera_missing: 'No camera was found.',
  error_camera_busy: 'The camera is used by another program.',
  error_camera_failed: 'The camera cannot be started.',
  error_microphone_denied: 'The microphone is not allowed. Allow it in the address bar and try again.',
  error_microphone_missing: 'No microphone was found.',
  error_microphone_busy: 'The microphone is used by another program.',
  error_microphone_failed: 'The microphone cannot be started.',
  error_screen_denied: 'The screen was not shared.',
  error_screen_missing: 'There is no screen to share.',
  error_screen_busy: 'The screen cannot be captured right now.',
  error_screen_failed: 'Screen sharing cannot be started.',

  // Both pages.
  product: 'Tally',
  retry: 'Try again',
  cancel: 'Cancel',
  close: 'Close',
  guest: 'Guest {number}',
  something_failed: 'Something went wrong on this page.',

  // Signing in where the server hands out no demo credentials.
  sign_in_title: 'Sign in',
  sign_in_why: 'This server runs in production and hands out no credentials. Your application makes a UserSig for each '
    + 'user with its secret key; for a try, “tally usersig” prints one.',
  sign_in_sdkappid: 'SDKAppID',
  sign_in_userid: 'User ID',
  sign_in_usersig: 'UserSig',
  sign_in_button: 'Sign in',

  // The lobby.
  lobby_title: 'Tally – live rooms',
  lobby_heading: 'Go live, or watch',
  lobby_lead: 'Start a live in one click, or join one that is on now.',
  your_name: 'Your name',
  name_hint: 'Shown to everyone in the room.',
  go_live: 'Go live',
  live_now: 'Live now',
  loading_rooms: 'Looking for live rooms…',
  no_rooms: 'Nobody is live right now. Be the first.',
  more_rooms: 'Show more',
  audience_short: '{count} watching',
  seats_short: '{taken} of {count} on stage',
  hosted_by: 'with {name}',

  // The room.
  room_title: '{name} – Tally',
  room_of: '{name}’s live',
  back_to_lobby: 'Back to the lobby',
  joining: 'Joining…',
  live: 'Live',
  stage: 'Stage',
  you: '{name} (you)',
  empty_stage: 'Nobody is on stage right now.',
  owner: 'Host',
  muted: 'Microphone off',
  screen_of: '{name}’s screen',
  blocked_picture: 'Picture paused',
  slow_picture: 'Picture paused: your connection is slow',
  away: 'Connection lost…',
  connection_quality: 'Connection: {grade}',
  grade_0: 'none',
  grade_1: 'poor',
  grade_2: 'weak',
  grade_3: 'good',
  grade_4: 'very good',
  controls: 'Controls',
  mute_mic: 'Mute microphone',
  mute_cam: 'Turn camera off',
  mic: 'Mic',
  cam: 'Camera',
  microphone: 'Microphone',
  camera: 'Camera',
  device_settings: 'Devices',
  unnamed_camera: 'Camera {number}',
  unnamed_microphone: 'Microphone {number}',
  device_ended: '{device} was disconnected.',
  take_seat: 'Join stage',
  leave_seat: 'Leave stage',
  audio_only: 'Audio only',
  audio_only_hint: 'Audio only: receive no pictures',
  leave: 'Leave',
  end_live: 'End live',
  share: 'Copy link',
  share_done: 'Link copied. Send it to your audience.',
  share_failed: 'Copy this link: {link}',
  people: 'People',
  on_stage: 'On stage',
  seats_taken: '{taken} of {count}',
  free_seat: 'Free seat',
  sit_here: 'Take seat {number}',
  kick_seat: 'Take {name} off the stage',
  kick_room: 'Remove {name} from the room',
  off_stage: 'Off stage',
  remove: 'Remove',
  audience: 'Audience',
  more_people: 'Show more',
  nobody_watching: 'Nobody is watching yet. Share the link.',
  tap_to_hear: 'Tap to hear',
  usage: 'You have used {tiers}',
  tier_audio: 'audio',
  tier_sd: 'SD',
  tier_hd: 'HD',
  tier_fhd: 'Full HD',
  tier_2k: '2K',
  tier_4k: '4K',
  hours: '{count} h',
  minutes: '{count} min',
  seconds: '{count} s',
  reconnecting: 'Connection lost. Reconnecting…',
  blocked: 'Your picture is {width}×{height}: more than this edition allows. Others do not see it.',
  off_stage_by_owner: 'The host took you off the stage.',
  left_stage: 'You are no longer on stage.',
  end_live_question: 'End this live for everyone?',
  end_live_explained: 'All guests and viewers will be sent out. This cannot be undone.',
  kick_question: 'Remove {name} from the room?',
  kick_explained: 'They leave at once.',
  ended_title: 'This live is over',
  ended_by_owner: 'The host has ended the live. Thank you for watching.',
  ended_by_you: 'You have ended the live.',
  ended_owner_lost: 'The host lost the connection and did not come back.',
  ended_by_server: 'The live was ended by the server.',
  ended_gone: 'The live ended while you were away.',
  left_title: 'You left the live',
  left_explained: 'It goes on without you. You can come back any time.',
  kicked_title: 'You were removed',
  kicked_by_owner: 'The host removed you from this live.',
  kicked_logged_on_elsewhere: 'You joined from another window or device.',
  refused_title: 'You cannot join this live',
};

const tables = { en };

/** The language in use: the browser's if there is a table for it, else English. */
export const language = Object.keys(tables).find((tag) => globalThis.navigator?.language?.startsWith(tag)) ?? 'en';

/**
 * The text for a key, with `{name}` filled in from `values`.
 * @param {string} key
 * @param {Record<string, string|number>} [values]
 * @returns {string}
 */
export function say(key, values = {}) {
  const text = tables[language][key] ?? en[key];
  if (text === undefined) throw new Error(`words.js has no text for "${key}"`);
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * The text for a key made at run time (a reason the server gave), or that of `otherwise` when there is none.
 * @param {string} key
 * @param {string} otherwise
 * @returns {string}
 */
export function sayOr(key, otherwise) {
  return key in en ? say(key) : say(otherwise);
}
