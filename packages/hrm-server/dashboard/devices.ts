/** The lines that can be shown: all devices together, and each for itself in its own colour. */
import { find, make } from './dom.js';
import { texts } from './texts/texts.js';
import type { View } from './view.js';

/** How a device's line looks. */
export interface Look {
  /** A custom property of the style sheet. */
  readonly colour: string;
  /** Pixels of line and of gap, in turn; none: a whole line. */
  readonly dash: readonly number[];
}

const COLOURS = 6;
const DASHES = [[], [8, 4], [2, 3], [12, 3, 2, 3]] as const;

/** The look of the line of all devices together. */
export const LOOK_OF_ALL: Look = { colour: '--accent', dash: [] };

/** The look of a device by its place among the user's: colours first, and where they are used up, dashes too. */
export function lookOf(place: number): Look {
  return {
    colour: `--device-${place % COLOURS}`,
    dash: DASHES[Math.floor(place / COLOURS) % DASHES.length] ?? [],
  };
}

/** Shows a box for each line, and tells which are wanted. */
export function showChips(view: View, devices: readonly string[], onChange: (to: Partial<View>) => void): void {
  const place = find('devices', HTMLFieldSetElement);
  const focused = document.activeElement instanceof HTMLInputElement ? document.activeElement.value : null;
  const all = chip(texts.chart.allDevices, '', LOOK_OF_ALL, view.isMerged, (isMerged) => onChange({ isMerged }));
  const each = devices.map((device, at) =>
    chip(device, `device ${device}`, lookOf(at), view.devices.includes(device), (isOn) => {
      const others = view.devices.filter((other) => other !== device);
      onChange({ devices: isOn ? [...others, device] : others });
    }),
  );
  place.replaceChildren(make('legend', { class: 'visually-hidden' }, texts.chart.lines), all, ...each);
  // What was replaced keeps the focus, or keys would lose their way.
  for (const input of place.querySelectorAll('input')) if (input.value === focused) input.focus();
}

function chip(
  name: string,
  value: string,
  { colour, dash }: Look,
  isOn: boolean,
  onToggle: (isOn: boolean) => void,
): HTMLElement {
  const input = make('input', { type: 'checkbox', value: `line ${value}`, checked: isOn });
  input.addEventListener('change', () => onToggle(input.checked));
  return make('label', { class: 'chip' }, input, sampleOf(colour, dash), name);
}

/** A piece of the line. */
function sampleOf(colour: string, dash: readonly number[]): HTMLElement {
  const sample = make('span', { class: 'line', 'aria-hidden': 'true' });
  let at = 0;
  const stops = dash.flatMap((length, i) => {
    const from = at;
    at += length;
    return [`${i % 2 === 0 ? `var(${colour})` : 'transparent'} ${from}px ${at}px`];
  });
  sample.style.background =
    stops.length === 0 ? `var(${colour})` : `repeating-linear-gradient(90deg, ${stops.join(', ')})`;
  return sample;
}
