/** What the browser keeps of a person's choices: users for this tab, the maximum heart rate for good. */
import { keepItem, readItem } from './browser-storage.js';

const USERS_ITEM = 'hrm-users';
const MAX_RATE_ITEM = 'hrm-max-rate';
const MAX_USERS = 12;
const DEFAULT_MAX_RATE = 190;
/** What a maximum heart rate may be, bpm, as the field of the page says too. */
const MAX_RATES = { least: 100, most: 230 } as const;

/** Users that were looked at in this tab, the last first. */
export function readRecentUsers(): readonly string[] {
  try {
    const users: unknown = JSON.parse(readItem('sessionStorage', USERS_ITEM) ?? '[]');
    return Array.isArray(users) ? users.filter((user) => typeof user === 'string') : [];
  } catch {
    // Another page or version wrote something else there: as good as nothing.
    return [];
  }
}

/** Puts a user before the others. */
export function rememberUser(userId: string): void {
  const users = [userId, ...readRecentUsers().filter((other) => other !== userId)].slice(0, MAX_USERS);
  keepItem('sessionStorage', USERS_ITEM, JSON.stringify(users));
}

/** The maximum heart rate that was entered, bpm; 190 before. */
export function readMaxRate(): number {
  return clampRate(Number(readItem('localStorage', MAX_RATE_ITEM)) || DEFAULT_MAX_RATE);
}

/** Keeps it; what is no likely one becomes the nearest that is, and no number changes nothing. */
export function keepMaxRate(rate: number): void {
  if (!Number.isNaN(rate)) keepItem('localStorage', MAX_RATE_ITEM, String(clampRate(rate)));
}

function clampRate(rate: number): number {
  return Math.round(Math.min(MAX_RATES.most, Math.max(MAX_RATES.least, rate)));
}
