/**
 * Connection quality from getStats(): two reports a second apart go in, figures and a score of 0 to 4 come out.
 *
 * The computing is pure; only `QualityMeter` holds the previous report. What may be shown of it is the page's affair.
 */

/**
 * @typedef {object} Flow
 * @property {number|null} rtt  seconds
 * @property {number} lossRatio  0 to 1
 * @property {number} bitrate  bit/s
 * @property {number} width  of the largest picture, 0 without one
 * @property {number} height
 * @property {number} fps
 * @property {number} score  0 (nothing gets through) to 4
 */

/** Upper bounds of loss and round-trip time for the scores 4, 3 and 2; beyond them it is 1. */
const GRADES = [
  { score: 4, lossRatio: 0.02, rtt: 0.2 },
  { score: 3, lossRatio: 0.05, rtt: 0.4 },
  { score: 2, lossRatio: 0.12, rtt: 0.8 },
];

/**
 * @param {{lossRatio: number, rtt: number|null}} flow
 * @returns {number} 1 to 4
 */
export function grade({ lossRatio, rtt }) {
  return GRADES.find((bound) => lossRatio <= bound.lossRatio && (rtt ?? 0) <= bound.rtt)?.score ?? 1;
}

/** Watches one RTCPeerConnection. */
export class QualityMeter {
  #direction;
  #connection = null;
  #before = new Map();

  /** @param {'up'|'down'} direction */
  constructor(direction) {
    this.#direction = direction;
  }

  /**
   * @param {RTCPeerConnection|null} connection
   * @returns {Promise<{flow: Flow|null, byMid: Map<string, Flow>}>} `flow` is null without a connection
   */
  async sample(connection) {
    if (connection !== this.#connection) this.#before = new Map();
    this.#connection = connection;
    if (!connection) return { flow: null, byMid: new Map() };
    const report = new Map(await connection.getStats());
    const measured = this.#direction === 'up' ? sent(report, this.#before) : received(report, this.#before);
    this.#before = report;
    const rtt = roundTrip(report);
    const isUp = connection.connectionState === 'connected';
    const finish = (flow) => ({ ...flow, rtt, score: isUp ? grade({ ...flow, rtt }) : 0 });
    return {
      flow: finish(together(measured)),
      byMid: new Map(measured.map((flow) => [flow.mid, finish(flow)])),
    };
  }
}

function sent(report, before) {
  return ofType(report, 'outbound-rtp').map((now) => ({
    ...pictureOf(now),
    mid: now.mid,
    bitrate: rate(now, before.get(now.id), 'bytesSent'),
    lossRatio: Math.max(0, report.get(now.remoteId)?.fractionLost ?? 0),
  }));
}

function received(report, before) {
  return ofType(report, 'inbound-rtp').map((now) => ({
    ...pictureOf(now),
    mid: now.mid,
    bitrate: rate(now, before.get(now.id), 'bytesReceived'),
    lossRatio: lossBetween(now, before.get(now.id)),
  }));
}

function together(flows) {
  const picture = flows.reduce((best, flow) => (flow.width * flow.height > best.width * best.height ? flow : best),
    { width: 0, height: 0, fps: 0 });
  return {
    width: picture.width,
    height: picture.height,
    fps: picture.fps,
    bitrate: flows.reduce((sum, flow) => sum + flow.bitrate, 0),
    lossRatio: Math.max(0, ...flows.map((flow) => flow.lossRatio)),
  };
}

function pictureOf(entry) {
  return { width: entry.frameWidth ?? 0, height: entry.frameHeight ?? 0, fps: entry.framesPerSecond ?? 0 };
}

function ofType(report, type) {
  return [...report.values()].filter((entry) => entry.type === type);
}

function rate(now, before, field) {
  if (!before || now.timestamp <= before.timestamp) return 0;
  return Math.max(0, Math.round((8000 * (now[field] - before[field])) / (now.timestamp - before.timestamp)));
}

function lossBetween(now, before) {
  const lost = Math.max(0, now.packetsLost - (before?.packetsLost ?? 0));
  const arrived = Math.max(0, now.packetsReceived - (before?.packetsReceived ?? 0));
  return lost ? lost / (lost + arrived) : 0;
}

function roundTrip(report) {
  const transport = ofType(report, 'transport')[0];
  return report.get(transport?.selectedCandidatePairId)?.currentRoundTripTime ?? null;
}
