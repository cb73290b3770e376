import type { Fault } from '../errors.js';
import { visibleText } from '../process/terminal-text.js';

/** `FILE:LINE/field`, or `FILE:LINE/heart_rates/17` */
const PLACE = /^(.*:\d+)(?:\/([\w/]+))?$/s;

/** Where a fault of an import is: `FILE:LINE`, and the field, empty where it is the whole row. */
export function parseFaultPath(path: string): { readonly place: string; readonly field: string } {
  const [, place = path, field = ''] = PLACE.exec(path) ?? [];
  return { place, field };
}

/** One line a fault, as a terminal may show it: `FILE:LINE: field message`; never the value. */
export function faultLines(faults: readonly Fault[], faultCount: number): string[] {
  const lines = faults.map(({ path, message }) => {
    const { place, field } = parseFaultPath(path);
    return visibleText(`${place}: ${field === '' ? '' : `${field} `}${message}`);
  });
  return faultCount > faults.length ? [...lines, `… and ${faultCount - faults.length} more`] : lines;
}
