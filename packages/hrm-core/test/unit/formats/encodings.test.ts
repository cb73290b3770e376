/** The bytes of texts: what spreadsheets of any age write, and what is no text. */
import { describe, expect, it } from 'vitest';
import { createTextDecoding } from '../../../src/formats/text/text-decoding.js';
import { randomFrom, testSeed } from '../../support/random.js';
import { readFormat } from '../../support/read-format.js';

const TABLE = 'Zeit;Puls;Gerät\n2024-01-15T10:00:00Z;71;Uhr für Zoë\n2024-01-15T10:00:00Z;72;Uhr für Zoé\n';
const READINGS = ['Uhr für Zoë 2024-01-15T10:00:00Z 71', 'Uhr für Zoé 2024-01-15T10:00:00Z 72'];

const wide = (text: string) => Buffer.from(text, 'utf16le');

describe('names with accents', () => {
  it.each<[string, Buffer, readonly string[]]>([
    ['UTF-8', Buffer.from(TABLE), []],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${TABLE}`), []],
    ['UTF-16', wide(`\ufeff${TABLE}`), []],
    ['UTF-16, big endian', wide(`\ufeff${TABLE}`).swap16(), []],
    ['UTF-16 without a mark', wide(TABLE), []],
    ['UTF-16, big endian, without a mark', wide(TABLE).swap16(), []],
    ['Windows-1252', Buffer.from(TABLE, 'latin1'), ['not_utf8']],
  ])('stay apart in %s', async (_, bytes, codes) => {
    for (const pieceBytes of [1, 7, 65_536]) {
      const { readings, account } = await readFormat(bytes, { pieceBytes });
      expect(readings).toEqual(READINGS);
      expect(account?.dropped).toEqual({});
      expect(account?.notes.map(({ code }) => code)).toEqual(codes);
    }
  });

  it('stay apart in XML that is not what it says', async () => {
    const record = (name: string, second: number) =>
      `<Record type="HKQuantityTypeIdentifierHeartRate" sourceName="${name}" unit="count/min" startDate="2024-01-15 10:00:0${second} +0000" value="70"/>`;
    const xml = `<?xml version="1.0" encoding="UTF-8"?><HealthData>${record('Zoë', 0)}${record('Zoé', 0)}</HealthData>`;
    const { readings, account } = await readFormat(Buffer.from(xml, 'latin1'), { pieceBytes: 100 });
    expect(readings).toEqual(['Zoë 2024-01-15T10:00:00Z 70', 'Zoé 2024-01-15T10:00:00Z 70']);
    expect(account?.notes).toMatchObject([{ code: 'not_utf8', count: 1 }]);
  });

  it('tell where a character is lost', async () => {
    const bytes = wide(`\ufeff${TABLE.replace('ë', '\ud800')}`);
    expect((await readFormat(bytes)).account?.notes).toMatchObject([{ code: 'not_text' }]);
  });
});

/** Well-formed UTF-8 as characters of Latin-1. @see The Unicode Standard, table 3-7 */
const WELL_FORMED =
  /[^\x80-\xff]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/g;

function oracle(bytes: Buffer): string {
  const characters = bytes.toString('latin1').match(WELL_FORMED) ?? [];
  const isMixed = (text: string) => text.length === 1 && text > '\x7f';
  return characters
    .map((text) => Buffer.from(text, 'latin1'))
    .map((one) => (isMixed(one.toString('latin1')) ? new TextDecoder('windows-1252').decode(one) : one.toString()))
    .join('');
}

it('random bytes are what a table of well-formed sequences says, however they are cut', () => {
  const fraction = randomFrom(testSeed());
  const below = (count: number) => Math.floor(fraction() * count);
  // Beginnings and continuations of sequences, the ends of their ranges, and letters.
  const likely = [0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf4, 0xf5];
  for (let i = 0; i < 3_000; i += 1) {
    const bytes = Buffer.from(
      Array.from({ length: 1 + below(24) }, () => (below(4) === 0 ? 1 + below(255) : (likely[below(16)] as number))),
    );
    // The mark of UTF-16 has tests of its own.
    if (bytes[0] === 0xff || bytes[0] === 0xfe) continue;
    const decoding = createTextDecoding(bytes);
    let text = '';
    for (let from = 0; from < bytes.length; ) {
      const to = from + 1 + below(5);
      text += decoding.decode(bytes.subarray(from, to));
      from = to;
    }
    text += decoding.end();
    const expected = oracle(bytes).replace(/^\ufeff/, '');
    expect([bytes.toString('hex'), text]).toEqual([bytes.toString('hex'), expected]);
    expect(decoding.problem() === null).toBe(Buffer.from(oracle(bytes)).equals(bytes));
  }
});
