import type { FileFormat, FormatContext, Piece } from '../../src/formats/file-format.js';
import { recognizeFile } from '../../src/formats/file-formats.js';
import { type HealthFileOptions, readHealthFile } from '../../src/formats/read-health-file.js';

/** Bytes in pieces of one size. */
export async function* inPieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += pieceBytes) yield bytes.subarray(from, from + pieceBytes);
}

const CONTEXT: FormatContext = {
  fileName: 'test',
  keepLowConfidence: false,
  toEpochMs: () => {
    throw new Error('a zone is needed');
  },
};

/** Everything that a format finds in bytes, with all values one after the other. */
export async function readPieces(
  format: FileFormat,
  bytes: Uint8Array,
  { pieceBytes = 65_536, ...context }: Partial<FormatContext> & { readonly pieceBytes?: number } = {},
) {
  const pieces: Piece[] = [];
  for await (const piece of format.read(inPieces(bytes, pieceBytes), { ...CONTEXT, ...context })) pieces.push(piece);
  const values = pieces.flatMap((piece) =>
    piece.kind === 'values'
      ? piece.timesMs.map((timeMs, i) => [piece.deviceId, timeMs, piece.heartRates[i] as number] as const)
      : [],
  );
  const dropped: Record<string, number> = {};
  for (const piece of pieces) {
    if (piece.kind === 'dropped') dropped[piece.reason] = (dropped[piece.reason] ?? 0) + piece.count;
  }
  return {
    values,
    dropped,
    notes: pieces.flatMap((piece) => (piece.kind === 'note' ? [piece.code] : [])),
    damages: pieces.flatMap((piece) => (piece.kind === 'damage' ? [piece.at] : [])),
  };
}

/** The format that bytes are taken for. */
export function formatOf(bytes: Uint8Array, fileName = 'test'): string | undefined {
  return recognizeFile(bytes.subarray(0, 8_192), fileName)?.name;
}

/** What a file comes to, and the account of it. */
export async function readFile(bytes: Uint8Array, options: Partial<HealthFileOptions> = {}, pieceBytes = 65_536) {
  const files = readHealthFile(inPieces(bytes, pieceBytes), { fileName: 'test', nowMs: Date.now(), ...options });
  const readings: (readonly [string, number, number])[] = [];
  for (;;) {
    const next = await files.next();
    if (next.done === true) return { readings, account: next.value };
    const { deviceId, timesMs, heartRates } = next.value;
    for (const [i, timeMs] of timesMs.entries()) readings.push([deviceId, timeMs, heartRates[i] as number]);
  }
}
