/**
 * What the browser keeps for this page. A browser may refuse to (storage blocked or full): then the page keeps it in memory,
 * until it is left.
 */
type Area = 'localStorage' | 'sessionStorage';

const inMemory = new Map<string, string>();

/** What was kept under a name, or `null`. Another page may have written anything there. */
export function readItem(area: Area, name: string): string | null {
  try {
    return window[area].getItem(name) ?? inMemory.get(name) ?? null;
  } catch {
    return inMemory.get(name) ?? null;
  }
}

/** Keeps it, for the tab or for good; `null` forgets it. */
export function keepItem(area: Area, name: string, value: string | null): void {
  inMemory.delete(name);
  try {
    if (value === null) window[area].removeItem(name);
    else window[area].setItem(name, value);
  } catch {
    if (value !== null) inMemory.set(name, value);
  }
}
