import { describe, expect, it } from 'vitest';
import { MADE_UP_EXPORTS } from '../../support/made-up-exports.js';
import { readFormat } from '../../support/read-format.js';

describe('a made-up file', () => {
  it.each(MADE_UP_EXPORTS)('$title', async (file) => {
    const { content, format, readings, dropped = {}, notes = [], damages = 0, title: _, ...options } = file;
    for (const pieceBytes of [65_536, 7]) {
      const read = await readFormat(content, { ...options, pieceBytes });
      expect(read.account?.format).toBe(format);
      expect(read.readings).toEqual(readings);
      expect(read.account?.dropped).toEqual(dropped);
      expect(read.account?.notes.map(({ code }) => code)).toEqual(notes);
      expect(read.account?.damageCount).toBe(damages);
    }
  });

  it.each(MADE_UP_EXPORTS.filter(({ timeZone }) => timeZone !== undefined))(
    'is refused without a zone: $title',
    async ({ content }) => {
      await expect(readFormat(content)).rejects.toMatchObject({ kind: 'invalid', code: 'time_zone_needed' });
    },
  );

  it('of steps is none of Withings', async () => {
    const content = 'start,duration,value\n2024-01-15T10:00:00+01:00,"[40]","[121]"\n';
    expect((await readFormat(content, { fileName: 'raw_tracker_steps.csv' })).account).toBeNull();
    expect((await readFormat(content, { fileName: 'raw_tracker_hr.csv' })).readings).toHaveLength(1);
  });
});

/** Of a longer file not every place is tried. */
const LONG_BYTES = 1_000;

describe('a table', () => {
  const content = 'when,beats,who\n2024-01-15T10:00:00Z,60,ana\n';

  it('has the columns that somebody names', async () => {
    expect((await readFormat(content)).account).toBeNull();
    const columns = { timestamp: 'When', heart_rate: 'beats', user_id: 'who' };
    expect((await readFormat(content, { columns })).readings).toEqual(['ana: table 2024-01-15T10:00:00Z 60']);
  });

  it('is not our own, which has another reader', async () => {
    const header = ['user_id', 'device_id', 'timestamp', 'heart_rate'];
    const row = ['ana', 'watch', '2024-01-15T10:00:00Z', '60'];
    expect((await readFormat(`${header}\n${row}\n`)).account).toBeNull();
    const semicolons = `${header.join(';')}\n${row.join(';')}\n`;
    expect((await readFormat(semicolons)).readings).toEqual(['ana: watch 2024-01-15T10:00:00Z 60']);
  });
});

describe('a file that is cut anywhere', () => {
  it.each(MADE_UP_EXPORTS)('keeps what stands before: $title', async ({ content, readings, title: _, ...options }) => {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    // What names the device may be cut off.
    const withoutDevice = (reading: string) => reading.split(' ').slice(-2).join(' ');
    const whole = new Set(readings.map(withoutDevice));
    const isJson = typeof content === 'string' && /^[[{]["{]/.test(content);
    let most = 0;
    const step = bytes.length > LONG_BYTES ? 3 : 1;
    for (let length = bytes.length % step; length <= bytes.length; length += step) {
      const cut = await readFormat(bytes.subarray(0, length), { ...options, pieceBytes: 4_096 }).catch((error) => {
        // What says when it was may be cut off.
        expect(error).toMatchObject({ code: 'time_zone_needed' });
        return null;
      });
      if (cut === null || cut.account === null) continue;
      // The number at the end of a row may be cut, and the row does not show it.
      const made = cut.readings.filter((reading) => !whole.has(withoutDevice(reading)));
      expect(made.length).toBeLessThanOrEqual(isJson ? 0 : 1);
      expect(cut.readings.length).toBeGreaterThanOrEqual(most - 1);
      most = Math.max(most, cut.readings.length);
      if (isJson && length < bytes.length && length > 0 && bytes[length] !== 0x0a && bytes[length - 1] !== 0x0a)
        expect(cut.account.damageCount).toBe(1);
    }
    expect(most).toBe(readings.length);
  });
});
