/**
 * Who saw what, as a reader of the audit log rebuilds it that knows only its form, against what the clients know that they did. HRM_AUDIT_REQUESTS
 * is how many requests.
 */
import { join } from 'node:path';
import { createKey } from 'hrm-core/keys';
import { expect, it } from 'vitest';
import { type PlainLine, readPlainly } from '../../hrm-core/test/support/audit.js';
import { randomFrom, testSeed } from '../../hrm-core/test/support/random.js';
import { post, startTest, temporaryDirectory, wireReading } from './support.js';

const REQUESTS = Number(process.env.HRM_AUDIT_REQUESTS ?? 600);
const USERS = ['ana', 'ben', 'cleo', 'd"\n\\d', 'é\u2028', '{"v":1,"time":"'];
const VALID = USERS.filter((user) => !user.includes('\n'));
const DAY = 'start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z';

/** Who did what about whom, with what outcome: one request. */
type Seen = Readonly<Record<'key' | 'action' | 'users' | 'status', unknown>>;

/** What the log says of one request. Of very many users several lines tell. */
function rebuild(lines: readonly PlainLine[]): Map<string, Seen> {
  const seen = new Map<string, Seen>();
  for (const { request, key, action, users, status, outcome } of lines) {
    if (typeof request !== 'string' || outcome === 'begun') continue;
    const before = (seen.get(request)?.users ?? []) as string[];
    seen.set(request, { key, action, users: [...before, ...((users ?? []) as string[])].sort(), status });
  }
  return seen;
}

it('who saw what can be rebuilt', async () => {
  const random = randomFrom(testSeed());
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const directory = await temporaryDirectory();
  const [auditLog, keysFile] = [join(directory, 'audit.log'), join(directory, 'keys.json')];
  const keys: { readonly id: string; readonly users: readonly string[] | null; readonly token: string }[] = [];
  for (const users of [null, ['ana'], ['ben', 'cleo'], VALID]) {
    const input = { name: 'k', scopes: ['query', 'ingest'] as const, userIds: users, expiresMs: null };
    const { record, token } = await createKey(keysFile, input);
    keys.push({ id: record.id, users, token });
  }
  const flags = { auditLog, auditMaxBytes: '65536', rateLimit: '0' };
  const { url, service } = await startTest({ flags, keysFile });
  const expected = new Map<string, Seen>();

  async function ask(i: number): Promise<void> {
    const { id, users: bound, token } = pick(keys);
    const request = `q${i}`;
    const headers = { Authorization: `Bearer ${token}`, 'X-Request-Id': request };
    const user = pick(USERS);
    const name = encodeURIComponent(user);
    const some = Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(VALID));
    const calls = {
      read: [
        () => fetch(`${url}/metrics/heart-rate?user_id=${name}&${DAY}`, { headers }),
        () => fetch(`${url}/users/${name}/devices`, { headers }),
        () => fetch(`${url}/users/${name}/latest`, { headers }),
        () => fetch(`${url}/metrics/heart-rate?user_id=${name}`, { headers }),
      ],
      export: [() => fetch(`${url}/metrics/heart-rate/readings?user_id=${name}&${DAY}`, { headers })],
      erase: [() => fetch(`${url}/users/${name}/readings`, { method: 'DELETE', headers })],
      ingest: [
        () => post(`${url}/metrics/heart-rate`, wireReading({ user_id: user }), headers),
        () => post(`${url}/metrics/heart-rate`, wireReading({ user_id: user, heart_rate: 1 }), headers),
        () =>
          post(
            `${url}/metrics/heart-rate/batch`,
            some.map((one) => wireReading({ user_id: one })),
            headers,
          ),
      ],
    } as const;
    const action = pick(['read', 'read', 'export', 'erase', 'ingest'] as const);
    const kind = Math.floor(random() * calls[action].length);
    const response = await (calls[action][kind] as () => Promise<Response>)();
    await response.arrayBuffer();
    const named = action === 'ingest' && kind === 2 ? [...new Set(some)] : [user];
    // It is refused at the first who is foreign: who comes behind was not asked for.
    const foreign = named.findIndex((one) => bound !== null && !bound.includes(one));
    const asked = foreign === -1 ? named : named.slice(0, foreign + 1);
    if (foreign !== -1) expect(response.status).toBe(403);
    expected.set(request, { key: id, action, users: asked.sort(), status: response.status });
  }

  for (let i = 0; i < REQUESTS; ) {
    const together = Math.min(REQUESTS - i, 1 + Math.floor(random() * 12));
    await Promise.all(Array.from({ length: together }, (_, j) => ask(i + j)));
    i += together;
  }
  await service.close();
  expect(rebuild(readPlainly(auditLog))).toEqual(expected);
});
