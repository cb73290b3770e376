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

/** One of the lines that can be shown. */
interface Line {
  readonly name: string;
  /** Of its box; differs from those of the others. */
  readonly value: string;
  readonly look: Look;
  readonly isOn: boolean;
}

/**
 * Shows a box for each line, and tells which are wanted. Boxes stay as long as the lines are the same ones: a click that is under way goes
 * where it was meant.
 */
export function showChips(view: View, devices: readonly string[], onChange: (to: Partial<View>) => void): void {
  const place = find('devices', HTMLFieldSetElement);
  const lines: readonly Line[] = [
    { name: texts.chart.allDevices, value: 'line ', look: LOOK_OF_ALL, isOn: view.isMerged },
    ...devices.map((device, at) => {
      return { name: device, value: `line device ${device}`, look: lookOf(at), isOn: view.devices.includes(device) };
    }),
  ];
  const isSame =
    boxesOf(place)
      .map(({ value }) => value)
      .join('\n') === lines.map(({ value }) => value).join('\n');
  if (!isSame) {
    const focused = document.activeElement instanceof HTMLInputElement ? document.activeElement.value : null;
    // What is wanted stands in the boxes: a view may be older than a click.
    const tell = () => {
      const [all, ...each] = boxesOf(place);
      onChange({ isMerged: all?.checked === true, devices: devices.filter((_, at) => each[at]?.checked === true) });
    };
    const legend = make('legend', { class: 'visually-hidden' }, texts.chart.lines);
    place.replaceChildren(legend, ...lines.map((line) => chip(line, tell)));
    // What was replaced keeps the focus, or keys would lose their way.
    for (const box of boxesOf(place)) if (box.value === focused) box.focus();
  }
  for (const [at, box] of boxesOf(place).entries()) box.checked = lines[at]?.isOn === true;
}

function boxesOf(place: HTMLElement): HTMLInputElement[] {
  return [...place.querySelectorAll('input')];
}

function chip({ name, value, look: { colour, dash } }: Line, onToggle: () => void): HTMLElement {
  const input = make('input', { type: 'checkbox', value });
  input.addEventListener('change', onToggle);
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
