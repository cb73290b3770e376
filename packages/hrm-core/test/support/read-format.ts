/** Files of devices and exports, read as an import reads them. */
import type { FileAccount } from '../../src/formats/judge/account.js';
import { type HealthFileOptions, readHealthFile } from '../../src/formats/read-health-file.js';
import { inPieces } from './read-file-pieces.js';

/** What a file gave: its account, and readings as `device time rate`. */
export interface ReadFile {
  readonly account: FileAccount | null;
  readonly readings: readonly string[];
}

/** A clock that is ahead of every made-up file. */
const NOW_MS = Date.UTC(2026, 10, 30);

/** Reads a file of some readings. */
export async function readFormat(
  content: string | Uint8Array,
  { pieceBytes = 65_536, ...options }: Partial<HealthFileOptions> & { readonly pieceBytes?: number } = {},
): Promise<ReadFile> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  const readings: string[] = [];
  const pieces = readHealthFile(inPieces(bytes, pieceBytes), { fileName: 'file', nowMs: NOW_MS, ...options });
  for (;;) {
    const { done, value } = await pieces.next();
    if (done === true) return { account: value, readings };
    const { userId, deviceId, timesMs, heartRates } = value;
    const whose = userId === undefined ? deviceId : `${userId}: ${deviceId}`;
    timesMs.forEach((timeMs, i) => {
      readings.push(`${whose} ${new Date(timeMs).toISOString().replace('.000Z', 'Z')} ${heartRates[i]}`);
    });
  }
}
