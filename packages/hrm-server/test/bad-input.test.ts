import { describe, expect, test } from 'vitest';
import { BAD_BODIES, BAD_QUERIES, BAD_READINGS, BATCH, NDJSON, RANGE, SINGLE } from './bad-input-cases.js';
import { connectRaw, exchangeRaw, filesBelow, post, startTest, until, wireReading, withoutHealth } from './support.js';

interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
  readonly error_count?: number;
}

async function readProblem(response: Response): Promise<{ problem: ProblemBody; text: string }> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  const text = await response.text();
  const problem = JSON.parse(text) as ProblemBody;
  expect(problem.status).toBe(response.status);
  expect(text).not.toMatch(/node_modules|\.[jt]s:\d|at async/);
  return { problem, text };
}

describe('bad input', () => {
  test('every bad body is refused with its reason, stores nothing, and the server goes on', async () => {
    const { url, queue, settings, log } = await startTest();
    for (const { name, to, body, headers, status, code, path, secrets = [] } of [...BAD_READINGS, ...BAD_BODIES]) {
      const before = withoutHealth(log).length;
      const response = await post(url + to, body, headers);
      const { problem, text } = await readProblem(response);
      expect([name, response.status, problem.code]).toEqual([name, status, code]);
      if (path !== undefined) expect([name, problem.errors?.[0]?.path]).toEqual([name, path]);
      expect(problem.error_count, name).toBeGreaterThanOrEqual(1);
      const lines = withoutHealth(log).slice(before);
      expect(lines.length, name).toBeLessThanOrEqual(1);
      for (const secret of secrets) {
        expect(text, name).not.toContain(secret);
        for (const line of lines) {
          const { time: _time, pid: _pid, requestId: _id, ...logged } = JSON.parse(line) as Record<string, unknown>;
          expect(JSON.stringify(logged), name).not.toContain(secret);
        }
      }
      expect(await queue.depth(), name).toMatchObject({ readings: 0, claimedReadings: 0, deadLetters: 0 });
    }
    // The storage's own: what it is known by, and that it keeps its marks.
    expect((await filesBelow(settings.dataDir)).filter((name) => !name.endsWith('.json'))).toEqual([
      '.store',
      'complete',
    ]);
    expect((await post(url + SINGLE, wireReading())).status).toBe(202);
    expect((await queue.depth()).readings).toBe(1);
  });

  test('no header is left out, however many come before it', async () => {
    const { port } = await startTest();
    const many = 'a:\r\n'.repeat(2_500);
    const body = JSON.stringify(wireReading());
    const head = `POST ${SINGLE} HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\nContent-Type: application/json\r\n`;
    const answer = await exchangeRaw(
      port,
      `${head}Content-Length: ${body.length}\r\n${many}Content-Type: application/x-ndjson\r\n\r\n${body}`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain('Content-Type is given more than once');
  });

  test('every bad query is refused, naming the parameter', async () => {
    const { url } = await startTest();
    for (const [query, path, message = /./] of BAD_QUERIES) {
      const response = await fetch(`${url}${SINGLE}?${query}`);
      const { problem } = await readProblem(response);
      expect([query, response.status, problem.code]).toEqual([query, 400, 'invalid_query']);
      const fault = problem.errors?.find((candidate) => candidate.path === path);
      expect(fault?.message, query).toMatch(message);
    }
    expect((await fetch(`${url}${SINGLE}?user_id=ana&${RANGE}`)).status).toBe(200);
  });

  test('a target with a fragment is refused, and so is what is no HTTP', async () => {
    const { port } = await startTest();
    const rest = 'HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n';
    for (const [request, status, code] of [
      [`GET ${SINGLE}?user_id=ana#b&${RANGE} ${rest}\r\n`, 400, 'invalid_query'],
      [`GET ${SINGLE}?user_id=an\xe1&${RANGE} ${rest}\r\n`, 400, 'bad_request'],
      [`GET /health ${rest}X-Long: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'headers_too_large'],
      [`POST ${SINGLE} ${rest}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n`, 400, 'bad_request'],
      [`POST ${SINGLE} ${rest}Content-Length: -3\r\n\r\n`, 400, 'bad_request'],
      ['\x16\x03\x01\x02\x00\x01\x00\x01', 400, 'bad_request'],
      [`GET \\etc\\passwd ${rest}\r\n`, 400, 'bad_request'],
      [`GET http://[bad/ ${rest}\r\n`, 400, 'bad_target'],
      [`CONNECT localhost:80 ${rest}\r\n`, 405, 'method_not_allowed'],
      [`CONNECT localhost:80 ${rest}\r\nbytes for the tunnel`, 405, 'method_not_allowed'],
      [`CONNECT evil.example:80 HTTP/1.1\r\n\r\n`, 405, 'method_not_allowed'],
    ] as const) {
      const answer = await exchangeRaw(port, request);
      const problem = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as ProblemBody;
      expect([request, problem.status, problem.code]).toEqual([request, status, code]);
      expect(answer.startsWith(`HTTP/1.1 ${status} `), request).toBe(true);
      expect(answer.toLowerCase()).toContain('content-type: application/problem+json\r\n');
    }
  });

  test('CONNECT is answered behind another request, and in none', async () => {
    const { port } = await startTest();
    const { socket, received, closed } = await connectRaw(port);
    socket.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await until(() => received().endsWith('}'), 'the first is answered');
    socket.write('CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(await closed).toMatch(/^HTTP\/1.1 200 [\s\S]*\}HTTP\/1.1 405 [^{]*\{[^{}]*\}$/);
    const live = 'GET /metrics/heart-rate/live?user_id=ana HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const cut = await exchangeRaw(port, `${live}CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    expect(cut).not.toContain('405');
  });

  test('of 250 faults the first 100 are listed and all are counted', async () => {
    const { url, queue } = await startTest();
    const response = await post(url + BATCH, Array(250).fill(wireReading({ heart_rate: 0 })));
    const { problem } = await readProblem(response);
    expect(problem.errors).toHaveLength(100);
    expect(problem.errors?.[99]?.path).toBe('/99/heart_rate');
    expect(problem.error_count).toBe(250);
    expect((await queue.depth()).readings).toBe(0);
  });

  test('in NDJSON an index is that of the reading, and all kinds of faults come together', async () => {
    const { url } = await startTest();
    const good = JSON.stringify(wireReading());
    const lines = ['', good, 'not json', '   ', JSON.stringify(wireReading({ heart_rate: 1 })), good, '{"a":}'];
    const response = await post(url + BATCH, lines.join('\r\n'), NDJSON);
    const { problem } = await readProblem(response);
    expect(problem.errors).toEqual([
      { path: '/1', message: 'the line is not JSON' },
      { path: '/2/heart_rate', message: 'must be an integer from 30 to 220 (bpm)' },
      { path: '/4', message: 'the line is not JSON' },
    ]);
  });

  test('unknown paths are 404, wrong methods 405 with Allow, and a wrong type says what would be right', async () => {
    const { url } = await startTest();
    for (const path of ['//', '/metrics/heart-rate/', '/nope', '/../../etc/passwd', '/health/x']) {
      const { problem } = await readProblem(await fetch(url + path));
      expect([path, problem.status, problem.code]).toEqual([path, 404, 'not_found']);
    }
    for (const [method, path, allow] of [
      ['PUT', SINGLE, 'GET, HEAD, POST'],
      ['OPTIONS', SINGLE, 'GET, HEAD, POST'],
      ['GET', BATCH, 'POST'],
      ['DELETE', BATCH, 'POST'],
      ['POST', '/health', 'GET, HEAD'],
    ] as const) {
      const response = await fetch(url + path, { method });
      const { problem } = await readProblem(response);
      expect([method, path, problem.status, response.headers.get('allow')]).toEqual([method, path, 405, allow]);
      expect(response.headers.get('access-control-allow-origin')).toBeNull();
    }
    const type = await post(url + BATCH, '[]', { 'Content-Type': 'text/csv' });
    expect(type.headers.get('accept-post')).toBe(
      'application/json, application/x-ndjson, application/vnd.apache.parquet',
    );
    const encoding = await post(url + BATCH, '[]', { 'Content-Encoding': 'zstd' });
    expect(encoding.headers.get('accept-encoding')).toBe('gzip');
  });
});
