/** What is beyond a bound is named so, in every format that has one. */
import { expect, it } from 'vitest';
import { MAX_PART_LENGTH } from '../../../src/formats/text/json-values.js';
import { readFormat } from '../../support/read-format.js';

const OBSERVATION = {
  resourceType: 'Observation',
  status: 'final',
  code: { coding: [{ code: '8867-4' }] },
  effectiveDateTime: '2024-01-15T10:00:00Z',
};
const series = (data: string) => ({ ...OBSERVATION, valueSampledData: { origin: { value: 0 }, period: 1_000, data } });
const LONG = '72 '.repeat(MAX_PART_LENGTH / 3 + 1);
const good = { ...OBSERVATION, valueQuantity: { value: 61, code: '/min' } };
const lines = (...objects: readonly object[]) => objects.map((one) => JSON.stringify(one)).join('\n');

/** Whose part that is too large is a value, an entry, a line, a name. */
it.each<[string, string, number]>([
  ['a series of FHIR', lines(series(LONG), good), 1],
  [
    'a series of FHIR in a Bundle',
    JSON.stringify({ resourceType: 'Bundle', entry: [{ resource: series(LONG) }, { resource: good }] }),
    1,
  ],
  ['a line of a table', `time;bpm;note\n2024-01-15T10:00:00Z;61;\n2024-01-15T10:00:01Z;62;${'x'.repeat(2 ** 20)}\n`, 1],
  ['a line of HiTrack', `tp=h-r;k=1551732125000;v=61;\ntp=h-r;${'x'.repeat(2 ** 20)}\n`, 1],
  ['values before their day', fitbitBeforeDay(86_401), 86_401],
])('%s', async (_, content, most) => {
  const { readings, account } = await readFormat(content, { timeZone: 'UTC' });
  expect(readings.filter((reading) => reading.endsWith(' 61')).length).toBeGreaterThan(0);
  const { too_large, ...others } = account?.dropped ?? {};
  expect(others).toEqual({});
  expect(too_large).toBeGreaterThan(0);
  expect(too_large).toBeLessThanOrEqual(most);
  expect(account?.notes.map(({ code }) => code)).toContain('too_large');
});

function fitbitBeforeDay(count: number): string {
  const dataset = Array.from({ length: count }, (_, i) => ({
    time: new Date(i * 1_000).toISOString().slice(11, 19),
    value: 61,
  }));
  return JSON.stringify({
    'activities-heart-intraday': { dataset },
    'activities-heart': [{ dateTime: '2024-01-15' }],
  });
}

it('a series that is as long as may be is read', async () => {
  const { readings, account } = await readFormat(lines(series('72 '.repeat(200_000))));
  expect([readings.length, account?.dropped]).toEqual([200_000, {}]);
});
