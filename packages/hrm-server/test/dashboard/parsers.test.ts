import { describe, expect, it } from 'vitest';
import { createEventParser } from '../../dashboard/live.js';
import { createRowReader } from '../../dashboard/rows.js';

describe('what the pages read in pieces', () => {
  it('rows as CSV, cut at every byte', () => {
    const text =
      'timestamp,heart_rate,min,max,count,device_ids\r\n' +
      '2024-01-15T10:00:00Z,75.5,70,81,12,"[""a,\\""b"",""ñ""]"\r\n' +
      '2024-02-29T23:59:00Z,72,72,72,1,"[""watch""]"\r\n';
    const bytes = new TextEncoder().encode(text);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const reader = createRowReader();
      reader.push(bytes.slice(0, cut));
      reader.push(bytes.slice(cut));
      const rows = reader.rows();
      expect(rows.length).toBe(2);
      expect([...rows.startMs.slice(0, 2)]).toEqual([Date.UTC(2024, 0, 15, 10), Date.UTC(2024, 1, 29, 23, 59)]);
      expect([rows.mean, rows.min, rows.max, rows.count].map((column) => [...column.slice(0, 2)])).toEqual([
        [75.5, 72],
        [70, 72],
        [81, 72],
        [12, 1],
      ]);
      const devices = [0, 1].map((row) => rows.deviceSets[rows.deviceSet[row] ?? -1]);
      expect(devices).toEqual([['a,"b', 'ñ'], ['watch']]);
    }
  });

  it('rows of more sets of devices than 16 bits tell apart, each with its own', () => {
    const reader = createRowReader();
    const count = 2 ** 16 + 2;
    const lines = Array.from({ length: count }, (_, i) => `2024-01-15T10:00:00Z,70,70,70,1,"[""d${i}""]"\r\n`);
    reader.push(new TextEncoder().encode(`timestamp,heart_rate,min,max,count,device_ids\r\n${lines.join('')}`));
    const { length, deviceSet, deviceSets } = reader.rows();
    expect(length).toBe(count);
    for (const row of [0, 2 ** 16 - 1, 2 ** 16, 2 ** 16 + 1])
      expect(deviceSets[deviceSet[row] ?? -1]).toEqual([`d${row}`]);
  });

  it('events, cut at every character, whatever ends a line', () => {
    const lines = ['retry: 50', 'id: 1', '', ': heartbeat', 'id:2', 'event: reading', 'data: {"a"', 'data:1}', '', ''];
    for (const end of ['\n', '\r\n']) {
      const text = lines.join(end);
      for (let cut = 0; cut <= text.length; cut += 1) {
        const events: unknown[] = [];
        const parse = createEventParser((fields) => events.push(fields));
        parse(text.slice(0, cut));
        parse(text.slice(cut));
        expect(events).toEqual([
          { event: '', data: '', id: '1', retryMs: 50 },
          { event: 'reading', data: '{"a"\n1}', id: '2', retryMs: null },
        ]);
      }
    }
  });
});
