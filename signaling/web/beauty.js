/**
 * The beauty filter: a camera's track in, a track with a gentler picture out. It runs in the browser, before sending.
 *
 * Smoothing is an edge-preserving blur (a bilateral filter: neighbours count by nearness and by likeness) where the
 * picture has the colour of skin; hair, eyes and what is behind keep their detail. Brightness and ruddiness are curves.
 * All of it is one fragment shader on WebGL2.
 *
 * Frames come from a MediaStreamTrackProcessor and go to a MediaStreamTrackGenerator where there are such, since these go
 * on while the page is in the background; elsewhere from a video element to a canvas's own stream.
 */

/** The steps of each slider; 0 is off. */
export const MOST = 9;

/** @typedef {{smooth: number, whiteness: number, ruddy: number}} Levels  0 to 9 each */

export const OFF = { smooth: 0, whiteness: 0, ruddy: 0 };

/** Whether these levels change anything. @param {Levels} levels */
export function isOn({ smooth, whiteness, ruddy }) {
  return smooth > 0 || whiteness > 0 || ruddy > 0;
}

/** Whether this browser can do it at all. */
export function canBeautify() {
  const probe = document.createElement('canvas');
  return Boolean(probe.captureStream || globalThis.MediaStreamTrackGenerator) && Boolean(probe.getContext('webgl2'));
}

export class BeautyFilter {
  /** What to send and to show instead of the camera's own track. @type {MediaStreamTrack} */
  track;

  #painter;
  #stop;

  /**
   * @param {MediaStreamTrack} camera  stays the caller's: it is not stopped here
   * @param {Levels} levels
   */
  constructor(camera, levels) {
    const { width = 640, height = 360, frameRate = 30 } = camera.getSettings();
    this.#painter = new Painter(width, height);
    this.#painter.levels = levels;
    const hasFrames = globalThis.MediaStreamTrackProcessor && globalThis.MediaStreamTrackGenerator;
    const through = hasFrames ? byFrames : byCanvas;
    const { track, stop } = through(camera, this.#painter, frameRate);
    this.track = track;
    this.#stop = stop;
  }

  /** @param {Levels} levels */
  setLevels(levels) {
    this.#painter.levels = levels;
  }

  /** Ends the track and lets the graphics go. */
  stop() {
    this.#stop();
    this.track.stop();
    this.#painter.close();
  }
}

// ---- The two ways of frames ------------------------------------------------------------------------------------------

function byFrames(camera, painter) {
  const track = new MediaStreamTrackGenerator({ kind: 'video' });
  const ended = new AbortController();
  const beautified = new TransformStream({
    transform(frame, out) {
      try {
        // A track that is turned off is black whatever is painted.
        if (track.enabled) out.enqueue(painted(frame, painter));
      } finally {
        frame.close();
      }
    },
  });
  const { readable } = new MediaStreamTrackProcessor({ track: camera });
  // It ends with the camera, or when it is stopped; neither is an error.
  readable.pipeThrough(beautified, { signal: ended.signal }).pipeTo(track.writable).catch(() => {});
  return { track, stop: () => ended.abort() };
}

function painted(frame, painter) {
  painter.paint(frame, frame.displayWidth, frame.displayHeight);
  return new VideoFrame(painter.canvas, { timestamp: frame.timestamp, alpha: 'discard' });
}

function byCanvas(camera, painter, frameRate) {
  const video = document.createElement('video');
  video.muted = true;
  video.playsInline = true;
  video.srcObject = new MediaStream([camera]);
  video.play().catch(() => {});
  const [track] = painter.canvas.captureStream(frameRate).getVideoTracks();
  let isOver = false;
  const paint = () => {
    if (isOver) return;
    if (track.enabled && video.videoWidth > 0) painter.paint(video, video.videoWidth, video.videoHeight);
    video.requestVideoFrameCallback(paint);
  };
  video.requestVideoFrameCallback(paint);
  return { track, stop: () => {
    isOver = true;
    video.srcObject = null;
  } };
}

// ---- The painting ----------------------------------------------------------------------------------------------------

const VERTEX = `#version 300 es
out vec2 at;
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0;
  at = vec2(corner.x, 1.0 - corner.y);
  gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}`;

/**
 * Skin by chroma: in YCbCr the skin of all people lies in a small field, whatever its lightness (Chai and Ngan, 1999:
 * Cb 77 to 127, Cr 133 to 173 of 255); its rim is soft, so that no edge of the mask is seen. The taps are three rings of
 * eight, scaled with the picture; a tap's weight falls with the difference of its light, so edges stay.
 */
const FRAGMENT = `#version 300 es
precision highp float;
in vec2 at;
out vec4 colour;
uniform sampler2D picture;
uniform vec2 texel;
uniform vec3 levels;

const vec3 LIGHT = vec3(0.299, 0.587, 0.114);

float skin(vec3 c) {
  float cb = 0.5 + dot(c, vec3(-0.1687, -0.3313, 0.5));
  float cr = 0.5 + dot(c, vec3(0.5, -0.4187, -0.0813));
  float inCb = smoothstep(0.27, 0.32, cb) * (1.0 - smoothstep(0.48, 0.52, cb));
  float inCr = smoothstep(0.505, 0.545, cr) * (1.0 - smoothstep(0.66, 0.72, cr));
  return inCb * inCr * smoothstep(0.12, 0.25, dot(c, LIGHT));
}

vec3 smoothed(vec3 here) {
  float light = dot(here, LIGHT);
  float tolerance = 0.05 + 0.09 * levels.x;
  vec3 sum = here;
  float total = 1.0;
  for (int ring = 1; ring <= 3; ring += 1) {
    for (int spoke = 0; spoke < 8; spoke += 1) {
      float angle = (float(spoke) + 0.5 * float(ring & 1)) * 0.7853982;
      vec2 offset = vec2(cos(angle), sin(angle)) * float(ring) * 2.2 * texel;
      vec3 there = texture(picture, at + offset).rgb;
      float unlike = (dot(there, LIGHT) - light) / tolerance;
      float weight = exp(-unlike * unlike - 0.18 * float(ring * ring));
      sum += there * weight;
      total += weight;
    }
  }
  return sum / total;
}

void main() {
  vec3 c = texture(picture, at).rgb;
  float mask = skin(c);
  if (levels.x > 0.0 && mask > 0.01) c = mix(c, smoothed(c), mask * (0.35 + 0.6 * levels.x));
  if (levels.y > 0.0) {
    // The logarithmic curve lifts the middle and leaves black and white where they are; skin is lifted in full.
    float beta = 1.0 + 1.6 * levels.y;
    vec3 bright = log(c * (beta - 1.0) + 1.0) / log(beta);
    c = mix(c, bright, 0.35 + 0.65 * mask);
  }
  if (levels.z > 0.0) {
    vec3 rosy = vec3(c.r + 0.10 * levels.z * (1.0 - c.r), c.g - 0.045 * levels.z * c.g, c.b - 0.015 * levels.z * c.b);
    c = mix(c, rosy, mask);
  }
  colour = vec4(clamp(c, 0.0, 1.0), 1.0);
}`;

/** The radius of the blur is meant for pictures of this height. */
const MEANT_FOR_HEIGHT = 480;

class Painter {
  canvas;

  /** @type {Levels} */
  levels = OFF;

  #gl;
  #places;

  constructor(width, height) {
    this.canvas = Object.assign(document.createElement('canvas'), { width, height });
    const gl = this.#gl = this.canvas.getContext('webgl2', {
      alpha: false, antialias: false, depth: false, desynchronized: true, preserveDrawingBuffer: false });
    const program = link(gl);
    gl.useProgram(program);
    this.#places = Object.fromEntries(['texel', 'levels'].map((name) => [name, gl.getUniformLocation(program, name)]));
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const [key, value] of [
      ['TEXTURE_MIN_FILTER', 'LINEAR'], ['TEXTURE_MAG_FILTER', 'LINEAR'],
      ['TEXTURE_WRAP_S', 'CLAMP_TO_EDGE'], ['TEXTURE_WRAP_T', 'CLAMP_TO_EDGE']]) {
      gl.texParameteri(gl.TEXTURE_2D, gl[key], gl[value]);
    }
  }

  /** Paints a picture. @param {VideoFrame|HTMLVideoElement} source */
  paint(source, width, height) {
    const gl = this.#gl;
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    gl.viewport(0, 0, width, height);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, gl.RGB, gl.UNSIGNED_BYTE, source);
    const scale = Math.max(1, height / MEANT_FOR_HEIGHT);
    gl.uniform2f(this.#places.texel, scale / width, scale / height);
    const { smooth, whiteness, ruddy } = this.levels;
    gl.uniform3f(this.#places.levels, smooth / MOST, whiteness / MOST, ruddy / MOST);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  close() {
    this.#gl.getExtension('WEBGL_lose_context')?.loseContext();
  }
}

function link(gl) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) ?? 'no program');
  return program;
}
