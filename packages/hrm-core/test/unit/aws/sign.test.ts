import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { authorizationOf, encodePath, encodeQuery, sha256Hex } from '../../../src/drivers/aws/sign.js';

interface Vector {
  readonly name: string;
  readonly request: string;
  readonly canonicalRequest: string;
  readonly signature: string;
  readonly context: {
    readonly credentials: {
      readonly access_key_id: string;
      readonly secret_access_key: string;
      readonly token?: string;
    };
    readonly region: string;
    readonly service: string;
    readonly sign_body: boolean;
    readonly timestamp: string;
    readonly omit_session_token?: boolean;
  };
}

const VECTORS: readonly Vector[] = JSON.parse(
  readFileSync(new URL('../../data/sigv4/vectors.json', import.meta.url), 'utf8'),
);

/** Paths that other services want put in order first. S3 takes them as they are, and so does what signs for it. */
const REORDERED = /^get-(?:relative|slash).*-normalized$/;

const APPLICABLE = VECTORS.filter(({ name }) => !REORDERED.test(name) || name.endsWith('-unnormalized'));

/** The request as the suite writes it: a line, headers of which some have several lines or come several times, a body. */
function parse(text: string) {
  const [head = '', body = ''] = text.split('\n\n');
  const [line = '', ...rest] = head.trimEnd().split('\n');
  const [, method = '', target = ''] = /^(\S+) (.*) HTTP\/1\.1$/.exec(line) ?? [];
  const headers: Record<string, string> = {};
  let last = '';
  for (const each of rest) {
    const colon = each.indexOf(':');
    if (/^\s/.test(each)) headers[last] += ` ${each.trim()}`;
    else {
      last = each.slice(0, colon).toLowerCase();
      const value = each.slice(colon + 1).trim();
      headers[last] = headers[last] === undefined ? value : `${headers[last]},${value}`;
    }
  }
  const [path = '', query = ''] = target.split('?');
  return { method, path, query, headers, body };
}

function sign({ request, context }: Vector): string {
  const { method, path, query, headers, body } = parse(request);
  const { access_key_id, secret_access_key, token } = context.credentials;
  const sha256 = sha256Hex(body);
  const signed: Record<string, string> = {
    ...headers,
    'x-amz-date': `${context.timestamp.replace(/[-:]/g, '')}`,
    ...(token === undefined || context.omit_session_token === true ? {} : { 'x-amz-security-token': token }),
    ...(context.sign_body ? { 'x-amz-content-sha256': sha256 } : {}),
  };
  const parameters = query.split('&').flatMap((pair) => {
    const [name = '', value = ''] = pair.split('=').map(decodeURIComponent);
    return pair === '' ? [] : [[name, value] as const];
  });
  return authorizationOf(
    { method, path: encodePath(path), query: encodeQuery(parameters), headers: signed, sha256 },
    { accessKeyId: access_key_id, secretAccessKey: secret_access_key },
    context,
  );
}

describe('signatures', () => {
  it('are tried on all vectors but those of paths put in order', () => {
    expect([VECTORS.length, APPLICABLE.length]).toEqual([38, 32]);
  });

  it.each(APPLICABLE.map((vector) => [vector.name, vector] as const))('are those of %s', (_, vector) => {
    const authorization = sign(vector);
    expect(authorization).toContain(`Signature=${vector.signature}`);
    const names = vector.canonicalRequest.split('\n').at(-2);
    expect(authorization).toContain(`SignedHeaders=${names},`);
  });

  it('are of one key after the other', () => {
    const [first, ...others] = APPLICABLE as [Vector, ...Vector[]];
    const before = sign(first);
    const day = { ...first, context: { ...first.context, timestamp: '2015-08-31T12:36:00Z' } };
    expect(sign(day)).not.toBe(before);
    expect(sign(first)).toBe(before);
    const secret = { ...first.context.credentials, secret_access_key: 'another' };
    expect(sign({ ...first, context: { ...first.context, credentials: secret } })).not.toBe(before);
    for (const other of others) sign(other);
    expect(sign(first)).toBe(before);
  });
});

describe('paths and queries', () => {
  it('keep what is unreserved, and encode each other byte', () => {
    expect(encodePath("/20240115/Zo%C3%AB/part-a~b.parquet!*'()")).toBe(
      '/20240115/Zo%25C3%25AB/part-a~b.parquet%21%2A%27%28%29',
    );
    expect(encodePath('/ሴ+ /')).toBe('/%E1%88%B4%2B%20/');
  });

  it('sort by encoded names and values', () => {
    const query = [
      ['prefix', 'a/b'],
      ['list-type', '2'],
      ['Prefix', ''],
      ['prefix', 'a'],
    ] as const;
    expect(encodeQuery(query)).toBe('Prefix=&list-type=2&prefix=a&prefix=a%2Fb');
  });
});
