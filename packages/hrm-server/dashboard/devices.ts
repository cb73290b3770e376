/** The lines that can be shown: all devices together, and each for itself in its own colour. */
import { find, make } from './dom.js';
import type { View } from './view.js';

/** Shows a box for each line, and tells which are wanted. */
export function showChips(view: View, devices: readonly string[], onChange: (to: Partial<View>) => void): void {
  const place = find('devices', HTMLFieldSetElement);
  const focused = document.activeElement instanceof HTMLInputElement ? document.activeElement.value : null;
  const all = chip('All devices', '', '--accent', view.isMerged, (isMerged) => onChange({ isMerged }));
  const each = devices.map((device, at) =>
    chip(device, `device ${device}`, `--device-${at % 6}`, view.devices.includes(device), (isOn) => {
      const others = view.devices.filter((other) => other !== device);
      onChange({ devices: isOn ? [...others, device] : others });
    }),
  );
  place.replaceChildren(make('legend', { class: 'visually-hidden' }, 'Lines'), all, ...each);
  // What was replaced keeps the focus, or keys would lose their way.
  for (const input of place.querySelectorAll('input')) if (input.value === focused) input.focus();
}

function chip(
  name: string,
  value: string,
  colour: string,
  isOn: boolean,
  onToggle: (isOn: boolean) => void,
): HTMLElement {
  const input = make('input', { type: 'checkbox', value: `line ${value}`, checked: isOn });
  input.addEventListener('change', () => onToggle(input.checked));
  const line = make('span', { class: 'line', 'aria-hidden': 'true' });
  line.style.background = `var(${colour})`;
  return make('label', { class: 'chip' }, input, line, name);
}
