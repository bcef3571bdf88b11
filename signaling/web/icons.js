/** The icons: 24x24, drawn with strokes in the colour of the text. */

const SVG = 'http://www.w3.org/2000/svg';

const PATHS = {
  mic: ['M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3z', 'M5 11a7 7 0 0 0 14 0', 'M12 18v3'],
  'mic-off': ['M9 9v2a3 3 0 0 0 4.5 2.6', 'M15 11V6a3 3 0 0 0-5.7-1.3', 'M5 11a7 7 0 0 0 10.5 6.1',
    'M19 11a7 7 0 0 1-.9 3.4', 'M12 18v3', 'M4 4l16 16'],
  cam: ['M4 6h9a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2z', 'M15 10.5l7-4v11l-7-4'],
  'cam-off': ['M9 6h4a2 2 0 0 1 2 2v2.5l7-4v11', 'M15 15v1a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2', 'M3 3l18 18'],
  seat: ['M7 11V6a3 3 0 0 1 3-3h4a3 3 0 0 1 3 3v5', 'M4 11a2 2 0 0 1 3 1.7V15h10v-2.3A2 2 0 1 1 20 14.6V18H4v-3.4A2 2 0 0 1 4 11z',
    'M6 18v3', 'M18 18v3'],
  sound: ['M4 9v6h4l5 4V5L8 9z', 'M16.5 8.5a5 5 0 0 1 0 7', 'M19 6a9 9 0 0 1 0 12'],
  leave: ['M10 4H6a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h4', 'M15 8l4 4-4 4', 'M19 12H9'],
  link: ['M10 14a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.7L12 6.3', 'M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7L12 17.7'],
  people: ['M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z', 'M2.5 20a6.5 6.5 0 0 1 13 0', 'M16 4.3a3.5 3.5 0 0 1 0 6.4',
    'M18 14.5a6.5 6.5 0 0 1 3.5 5.5'],
  gear: ['M4 7h9', 'M17 7h3', 'M4 17h3', 'M11 17h9', 'M15 9a2 2 0 1 0 0-4 2 2 0 0 0 0 4z', 'M9 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4z'],
  cross: ['M6 6l12 12', 'M18 6L6 18'],
  live: ['M12 14a2 2 0 1 0 0-4 2 2 0 0 0 0 4z', 'M7.8 16.2a6 6 0 0 1 0-8.4', 'M16.2 7.8a6 6 0 0 1 0 8.4',
    'M5 19a10 10 0 0 1 0-14', 'M19 5a10 10 0 0 1 0 14'],
  back: ['M15 5l-7 7 7 7'],
  search: ['M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13z', 'M15.3 15.3L20.5 20.5'],
  heart: ['M12 20S3.5 14.8 3.5 9A4.5 4.5 0 0 1 12 6.9 4.5 4.5 0 0 1 20.5 9c0 5.8-8.5 11-8.5 11z'],
  gift: ['M4 12h16v8H4z', 'M3 8h18v4H3z',
    'M12 8v12', 'M12 8S8 8 8 5.5a2 2 0 0 1 4 0z', 'M12 8s4 0 4-2.5a2 2 0 0 0-4 0z'],
  send: ['M4 12l16-8-6 16-3-6z', 'M11 14l9-10'],
  more: ['M12 5.5v.01', 'M12 12v.01', 'M12 18.5v.01'],
  lock: ['M6 11h12v9H6z', 'M8.5 11V8a3.5 3.5 0 0 1 7 0v3'],
  down: ['M12 5v14', 'M6 13l6 6 6-6'],
  pause: ['M9 6v12', 'M15 6v12'],
  'join-rooms': ['M3 6h8v12H3z', 'M13 6h8v12h-8z', 'M8.5 12h7'],
  'one-large': ['M3 5h12v14H3z', 'M18 5h3v4h-3z', 'M18 12h3v4h-3z'],
  again: ['M20 11a8 8 0 1 0-2.3 6.6', 'M20 4v7h-7'],
};

/**
 * @param {string} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  for (const d of PATHS[name]) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}
