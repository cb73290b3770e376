/**
 * Files that devices and apps really wrote, with counts of another parser. They lie beside the checkout; a clone without them says so.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { recognizeFile } from '../../../src/formats/file-formats.js';
import { readFile, readPieces } from '../../support/read-file-pieces.js';

const PLACE = fileURLToPath(new URL('../../../../../../shared/formats/', import.meta.url));
const KINDS = ['fit', 'tcx', 'gpx'];

/** What becomes no reading, by the rules of the judge; and why a file gives other values than the list says. */
const DROPPED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  // Two records of one second; a fitness watch that counts from 1990, since nobody set it.
  'fit/2013-02-06-12-11-14.fit': { duplicate: 7, summary: 12 },
  'fit/antfs-dump.63.fit': { no_time: 685, summary: 4 },
  'fit/compressed-speed-distance.fit': { no_time: 754, summary: 24 },
  // Two beats in one millisecond.
  'fit/event_timestamp.fit': { duplicate: 6, summary: 188 },
  'fit/fitparser-failed.fit': { summary: 2 },
  'fit/null_compressed_speed_dist.fit': { no_contact: 1808 },
  'fit/sample_mulitple_header.fit': { summary: 20 },
  'tcx/HiTrack_1551732120000155173259000030001.tcx': { absent: 197 },
  'tcx/Huawei-Invalid_TCX.tcx': { absent: 195 },
};
/** A strict parser reads one of its points: its tags do not match. The whole file is listed, too. */
const MORE_THAN_LISTED = {
  file: 'tcx/Huawei-Invalid_TCX.tcx',
  like: 'tcx/HiTrack_1551732120000155173259000030001.tcx',
};

interface Listed {
  readonly file: string;
  readonly count: number;
  readonly first: string;
  readonly last: string;
  readonly min: number;
  readonly max: number;
}

function list(): Listed[] {
  const [, ...lines] = readFileSync(`${PLACE}SOURCES.tsv`, 'utf8').trim().split('\n');
  const all = lines.map((line) => {
    const [file = '', , , , , , count, first = '', last = '', min, max] = line.split('\t');
    return { file, count: Number(count), first, last, min: Number(min), max: Number(max) };
  });
  return all.filter(({ file }) => KINDS.includes(file.split('/')[0] ?? ''));
}

function instant(timeMs: number | undefined): string {
  return timeMs === undefined ? '' : new Date(timeMs).toISOString();
}

const isThere = existsSync(`${PLACE}SOURCES.tsv`);
if (!isThere) console.warn(`\nNOT COMPARED: the real files of devices are not there (${PLACE})\n`);
const files = isThere ? list() : [];

describe.skipIf(!isThere)('the real files of devices', () => {
  it.each(files.map((listed) => [listed.file, listed] as const))(
    '%s has the values that another parser counts',
    async (file, listed) => {
      const like = file === MORE_THAN_LISTED.file ? files.find((one) => one.file === MORE_THAN_LISTED.like) : listed;
      const bytes = new Uint8Array(readFileSync(PLACE + file));
      const format = recognizeFile(bytes.subarray(0, 8_192), 'x');
      if (format === undefined) throw new Error('no format knows it');
      const { values, dropped } = await readPieces(format, bytes);
      // Times that are none have none to compare.
      expect(values.length + (dropped.no_time ?? 0)).toBe(like?.count);
      const { readings, account } = await readFile(bytes, { nowMs: Date.UTC(2026, 6, 1) });
      expect(account?.dropped).toEqual(DROPPED[file] ?? {});
      expect(readings.length).toBe(account?.readings);
      if (values.length === 0) return;
      const times = values.map(([, timeMs]) => timeMs).sort((a, b) => a - b);
      const rates = values.map(([, , bpm]) => bpm).sort((a, b) => a - b);
      expect([instant(times[0]), instant(times.at(-1))]).toEqual([like?.first, like?.last]);
      expect([rates[0], rates.at(-1)]).toEqual([like?.min, like?.max]);
    },
  );

  it('tells damage where the list does', async () => {
    const damages = async (file: string) =>
      (await readFile(new Uint8Array(readFileSync(PLACE + file)))).account?.damages;
    expect(await damages('fit/activity-settings-corruptheader.fit')).toMatchObject([{ at: 'byte 771' }]);
    expect(await damages('fit/activity-unexpected-eof.fit')).toMatchObject([{ at: 'byte 751' }]);
    expect(await damages('fit/strava-android-app-201.10-b1218918.fit')).toMatchObject([{ at: 'byte 7471' }, {}]);
    const { account } = await readFile(new Uint8Array(readFileSync(`${PLACE}fit/activity-activity-filecrc.fit`)));
    expect(account?.notes).toMatchObject([{ code: 'crc_mismatch' }]);
  });
});
