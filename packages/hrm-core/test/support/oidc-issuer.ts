/** A real issuer of logins over HTTP: it publishes its keys and signs tokens. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

/** What it is asked for this API. */
export const AUDIENCE = 'heart-rates';

/** How it answers. */
type Manner = 'well' | 'fails' | 'hangs up' | 'other name' | 'no keys' | 'endless';

export interface TestIssuer {
  readonly url: string;
  /** Requests so far, of both documents. */
  requests(): number;
  behave(manner: Manner): void;
  /** Signs from now on with another key. @param keepOld - those before are published, too. */
  rotate(options?: { readonly keepOld?: boolean; readonly alg?: string }): Promise<void>;
  /** A token of an hour for the subject ana, who may read. */
  token(
    claims?: Readonly<Record<string, unknown>>,
    header?: { readonly kid?: string; readonly typ?: string },
  ): Promise<string>;
  /** The public keys that it publishes. */
  published(): readonly JWK[];
  close(): Promise<void>;
}

/** Starts one. @param nowMs - its clock. */
export async function startIssuer({ nowMs = Date.now, alg = 'RS256' } = {}): Promise<TestIssuer> {
  let manner: Manner = 'well';
  let count = 0;
  let requests = 0;
  let keys: JWK[] = [];
  let signing: { readonly key: CryptoKey; readonly kid: string; readonly alg: string };

  async function rotate({ keepOld = true, alg: next = alg } = {}): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair(next);
    count += 1;
    signing = { key: privateKey, kid: `key-${count}`, alg: next };
    keys = [...(keepOld ? keys : []), { ...(await exportJWK(publicKey)), kid: signing.kid, alg: next, use: 'sig' }];
  }
  await rotate();

  const server = createServer((request, response) => {
    requests += 1;
    if (manner === 'hangs up') return void request.socket.destroy();
    response.statusCode = manner === 'fails' ? 500 : 200;
    if (manner === 'endless') return void response.write('['.repeat(2_000_000));
    const issuer = manner === 'other name' ? 'http://127.0.0.1:1/other' : url;
    const isKeys = request.url === '/realm/keys';
    const about = { issuer, jwks_uri: `${url}/keys` };
    response.end(JSON.stringify(isKeys ? { keys: manner === 'no keys' ? 'none' : keys } : about));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/realm`;

  return {
    url,
    requests: () => requests,
    behave(next) {
      manner = next;
    },
    rotate,
    published: () => keys,
    async token(claims = {}, header = {}) {
      const nowS = Math.floor(nowMs() / 1_000);
      const usual = { iss: url, aud: AUDIENCE, sub: 'ana', iat: nowS, exp: nowS + 3_600, scope: 'hrm:query openid' };
      const payload = Object.fromEntries(
        Object.entries({ ...usual, ...claims }).filter(([, value]) => value !== undefined),
      );
      return await new SignJWT(payload)
        .setProtectedHeader({ alg: signing.alg, kid: signing.kid, ...header })
        .sign(signing.key);
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
