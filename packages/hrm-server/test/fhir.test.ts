/** The FHIR part: pages of Observations, what it says it can do, and how it refuses. */
import { gunzipSync } from 'node:zlib';
import { Fhir } from 'fhir';
import { type Reading, writePart } from 'hrm-core';
import { createKey } from 'hrm-core/keys';
import { describe, expect, test } from 'vitest';
import { startTest, temporaryDirectory } from './support.js';

const START_MS = Date.UTC(2024, 0, 15);
const READINGS: Reading[] = Array.from({ length: 50 }, (_, i) => ({
  userId: 'ana',
  deviceId: i % 2 === 0 ? 'watch' : 'strap',
  timestampMs: START_MS + i * 60_000,
  heartRate: 60 + i,
  receivedMs: START_MS,
}));

interface Bundle {
  readonly total?: number;
  readonly link: readonly { readonly relation: string; readonly url: string }[];
  readonly entry?: readonly {
    readonly resource: { readonly id: string; readonly effectivePeriod: { readonly start: string } };
  }[];
}

async function startWithReadings() {
  const started = await startTest();
  await writePart({ storage: started.storage }, READINGS);
  const search = async (query: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${started.url}/fhir/Observation?${query}`, { headers });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text === '' ? null : JSON.parse(text)) as Bundle,
    };
  };
  const startsOf = async (query: string) => {
    const { body } = await search(`patient=ana&${query}`);
    return (body.entry ?? []).map(({ resource }) => resource.effectivePeriod.start);
  };
  return { ...started, search, startsOf };
}

const minute = (i: number) => new Date(START_MS + i * 60_000).toISOString().replace('.000Z', 'Z');

describe('a search', () => {
  test('is valid, and has every minute once by its links, with the ids that rows have', async () => {
    const { search, url } = await startWithReadings();
    const whole = await search('patient=ana');
    expect(whole.headers.get('content-type')).toBe('application/fhir+json');
    expect(whole.body).toMatchObject({
      total: 50,
      link: [{ relation: 'self', url: `${url}/fhir/Observation?patient=ana` }],
    });
    const messages = new Fhir().validate(whole.body, { errorOnUnexpected: true }).messages;
    expect(messages.filter(({ severity }) => severity === 'error')).toEqual([]);
    const ids = whole.body.entry?.map(({ resource }) => resource.id);
    const rows = await fetch(
      `${url}/metrics/heart-rate?user_id=ana&start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z`,
      { headers: { Accept: 'application/fhir+json' } },
    );
    expect(((await rows.json()) as Bundle).entry?.map(({ resource }) => resource.id)).toEqual(ids);
    const paged: string[] = [];
    let next: string | undefined = `${url}/fhir/Observation?patient=Patient/ana&code=http://loinc.org|8867-4&_count=20`;
    for (let page = 0; next !== undefined; page += 1) {
      const body = (await (await fetch(next)).json()) as Bundle;
      expect(body.total).toBeUndefined();
      expect(body.entry).toHaveLength(page < 2 ? 20 : 10);
      for (const { resource } of body.entry ?? []) paged.push(resource.id);
      next = body.link.find(({ relation }) => relation === 'next')?.url;
    }
    expect(paged).toEqual(ids);
  });

  test.each([
    ['date=ge2024-01-15T00:48:00Z', [48, 49]],
    ['date=ge2024-01-15T00:48:30Z', [48, 49]],
    ['date=sa2024-01-15T00:47:59Z', [48, 49]],
    ['date=gt2024-01-15T00:48Z', [49]],
    ['date=lt2024-01-15T00:01:00Z', [0]],
    ['date=lt2024-01-15T00:01:01Z', [0, 1]],
    ['date=le2024-01-15T00:01Z', [0, 1]],
    ['date=eb2024-01-15T00:01:30Z', [0]],
    ['date=2024-01-15T00:07Z', [7]],
    ['date=ge2024-01-15T00:05Z&date=lt2024-01-15T00:07Z', [5, 6]],
    ['date=ge2024-01-15T02:03:00%2B02:00&date=lt2024-01-15T00:04Z', [3]],
    ['date=ge1980&date=lt2024-01-15T00:01Z', [0]],
    ['date=lt2024', []],
    ['date=2024-02', []],
    ['code=8310-5', []],
    ['category=laboratory', []],
  ])('of %s has the minutes %j', async (query, minutes) => {
    const { startsOf } = await startWithReadings();
    expect(await startsOf(query)).toEqual(minutes.map(minute));
  });

  test('of a year, a month, a day, a device and other codes besides has all that are in it', async () => {
    const { search, startsOf } = await startWithReadings();
    for (const date of ['2024', '2024-01', '2024-01-15', 'ge2024-01-15&date=lt2024-01-16'])
      expect(await startsOf(`date=${date}`)).toHaveLength(50);
    expect(await startsOf('device=watch&code=1-1,8867-4&category=vital-signs&_sort=date&_format=json')).toHaveLength(
      25,
    );
    expect((await search('patient=nobody')).body).toMatchObject({ total: 0 });
    expect((await search('patient=nobody')).body).not.toHaveProperty('entry');
  });

  test('is tagged and packed as rows are', async () => {
    const { search, storage, url } = await startWithReadings();
    const etag = (await search('patient=ana')).headers.get('etag') ?? '';
    expect((await search('patient=ana', { 'If-None-Match': etag })).status).toBe(304);
    expect((await search('patient=ana&_count=3')).headers.get('etag')).not.toBe(etag);
    await writePart({ storage }, [{ ...(READINGS[0] as Reading), heartRate: 99, receivedMs: START_MS + 60_000 }]);
    expect((await search('patient=ana', { 'If-None-Match': etag })).status).toBe(200);
    expect((await search('patient=ana', { Accept: 'application/json' })).status).toBe(200);
    const { get } = await import('node:http');
    const packed = await new Promise<Buffer>((resolve) => {
      get(`${url}/fhir/Observation?patient=ana`, { headers: { 'Accept-Encoding': 'gzip' } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve(Buffer.concat(chunks)));
      });
    });
    expect(JSON.parse(gunzipSync(packed).toString())).toMatchObject({ total: 50 });
  });

  test('goes on over more than ten years', async () => {
    const { storage, startsOf, url } = await startWithReadings();
    await writePart({ storage }, [{ ...(READINGS[0] as Reading), timestampMs: Date.UTC(2005, 0, 1) }]);
    expect(await startsOf('')).toEqual(['2005-01-01T00:00:00Z']);
    const starts: string[] = [];
    for (let next: string | undefined = `${url}/fhir/Observation?patient=ana`; next !== undefined; ) {
      const body = (await (await fetch(next)).json()) as Bundle;
      for (const { resource } of body.entry ?? []) starts.push(resource.effectivePeriod.start);
      next = body.link.find(({ relation }) => relation === 'next')?.url;
    }
    expect(starts).toHaveLength(51);
  });
});

describe('a refusal', () => {
  test.each([
    ['patient=ana&date=yesterday', 'date must be'],
    ['patient=ana&date=ge1969-12-31', 'date must be'],
    ['patient=ana&_count=0', '_count must be'],
    ['patient=ana&_sort=-date', '_sort must be'],
    ['patient=ana&_format=xml', '_format must be'],
    ['patient=ana&_lastUpdated=ge2024', '_lastUpdated is no parameter'],
    ['patient=ana&patient=ben', 'patient is given more than once'],
    ['code=8867-4', 'patient is missing'],
    ['patient=', 'patient must be'],
    ['patient=Patient/', 'patient must be'],
    [`patient=${'a'.repeat(2_000)}`, 'patient must be'],
    ['patient=a%00b', 'patient must'],
    ['patient=ana&device=', 'device must be'],
  ])('of %s is an OperationOutcome', async (query, said) => {
    const { search } = await startWithReadings();
    const { status, headers, body } = await search(query);
    expect([status, headers.get('content-type')]).toEqual([400, 'application/fhir+json']);
    expect(body).toMatchObject({ resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'invalid' }] });
    expect(JSON.stringify(body)).toContain(said);
    expect(new Fhir().validate(body).messages.filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  test('is of a key that is missing, bound to others, or may not read, as of any call', async () => {
    const keysFile = `${await temporaryDirectory()}/keys.json`;
    const key = async (scopes: ('query' | 'ingest')[], userIds: string[] | null) =>
      (await createKey(keysFile, { name: 'x', scopes, userIds, expiresMs: null })).token;
    const tokens = { bound: await key(['query'], ['ana']), writer: await key(['ingest'], null) };
    const { url } = await startTest({ keysFile });
    const ask = async (query: string, token?: string) => {
      const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
      const response = await fetch(`${url}/fhir/Observation?${query}`, { headers });
      const body = (await response.json()) as { resourceType: string; issue?: { code: string }[] };
      return [response.status, body.resourceType, body.issue?.[0]?.code];
    };
    expect(await ask('patient=ana')).toEqual([401, 'OperationOutcome', 'login']);
    expect(await ask('patient=ana', tokens.writer)).toEqual([403, 'OperationOutcome', 'forbidden']);
    expect(await ask('patient=Patient/ben&date=x', tokens.bound)).toEqual([403, 'OperationOutcome', 'forbidden']);
    expect(await ask('patient=Patient/ana', tokens.bound)).toEqual([200, 'Bundle', undefined]);
    expect((await fetch(`${url}/fhir/metadata`)).status).toBe(200);
  });
});

test('the CapabilityStatement is valid', async () => {
  const { url } = await startTest();
  const response = await fetch(`${url}/fhir/metadata?_format=json`);
  expect(response.headers.get('content-type')).toBe('application/fhir+json');
  const statement = (await response.json()) as object;
  expect(statement).toMatchObject({ resourceType: 'CapabilityStatement', fhirVersion: '4.0.1' });
  const { messages } = new Fhir().validate(statement, { errorOnUnexpected: true });
  expect(messages.filter(({ severity }) => severity === 'error')).toEqual([]);
});
