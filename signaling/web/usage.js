/** Used time in words: "3 min 20 s HD". Pure. */

import { say } from './words.js';

const TIERS = ['audio', 'sd', 'hd', 'fhd', '2k', '4k'];

/**
 * The tiers that were used at all, in words; empty when none was.
 * @param {Record<string, number>} seconds  by tier
 */
export function usageInWords(seconds) {
  const used = TIERS.filter((tier) => seconds[tier] > 0);
  return used.map((tier) => `${duration(seconds[tier])} ${say(`tier_${tier}`)}`).join(', ');
}

/** The two largest units, such as "1 h 5 min" or "3 min 20 s". */
export function duration(seconds) {
  const whole = Math.floor(seconds);
  const parts = [
    ['hours', Math.floor(whole / 3600)],
    ['minutes', Math.floor((whole % 3600) / 60)],
    ['seconds', whole % 60],
  ].filter(([, count]) => count > 0).slice(0, 2);
  return parts.map(([unit, count]) => say(unit, { count })).join(' ') || say('seconds', { count: 0 });
}
