/** What the small file beside the log says: how far it had come when a write was last known to be on the disk. */
import type { AuditClaim } from './event.js';

/** The text of the file. */
export function headText(claim: AuditClaim): string {
  return JSON.stringify(claim);
}

/** What a text says; `null` for one that says nothing, or is none. */
export function parseHead(text: string | null): AuditClaim | null {
  try {
    const value = JSON.parse(text ?? '') as Partial<AuditClaim>;
    const isOne = typeof value.file === 'string' && Number.isSafeInteger(value.at) && typeof value.seen === 'string';
    return isOne ? (value as AuditClaim) : null;
  } catch {
    return null;
  }
}

/** A claim in one word, to be kept elsewhere: file, bytes and SHA-256, with colons between. */
export function claimWord({ file, at, seen }: AuditClaim): string {
  return `${file}:${at}:${seen}`;
}

/** The claim of a word; `null` for what is none. */
export function claimOfWord(word: string): AuditClaim | null {
  const [, file = '', at = '', seen = ''] = /^([0-9a-f]{64}|):(\d{1,15}):([0-9a-f]{64})$/.exec(word) ?? [];
  return seen === '' ? null : { file, at: Number(at), seen };
}
