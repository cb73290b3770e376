/** Figures in words for people, and names in words of the wire. They run in browsers, too. */

/** `1 reading`, `2,000 readings`. */
export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? noun : nouns}`;
}

/** `512 B`, `29.6 kB`, `1.2 GB`: decimal, as disks are sold. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let unit = 0;
  let value = bytes;
  // Beyond the point where one decimal would round up to the next unit.
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** `12 s`, `5 min`, `3 h`, `9 d`: the greatest unit that fits. */
export function ageText(ageMs: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
  ] as const;
  const [unit, unitMs] = units.find(([, unitMs]) => ageMs >= unitMs) ?? (['s', 1_000] as const);
  return `${Math.max(0, Math.floor(ageMs / unitMs))} ${unit}`;
}

/** A name of JavaScript as the wire spells it: `deviceId` is `device_id`. */
export function wireName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
