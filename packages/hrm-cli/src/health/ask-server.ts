import { HrmError } from 'hrm-core';
import type { HealthReport } from 'hrm-server';

/** For a whole answer, ms: a server gives its checks two seconds. */
const TIMEOUT_MS = 3_000;

/** Bytes of an answer that are read: a report has some hundred. */
const MAX_REPORT_BYTES = 64 * 1024;

const STATUSES: readonly unknown[] = ['healthy', 'degraded', 'unhealthy'];

/**
 * Where a server tells its health; a path in the address is where the API is mounted.
 * @throws HrmError kind `invalid` for what is no address of a server.
 */
export function healthUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (url === null || !isHttp || url.username + url.password + url.search + url.hash !== '') {
    // Not repeated: it may have a password.
    const message = '--url must be the address of a server, as http://127.0.0.1:8000';
    throw new HrmError(message, { kind: 'invalid', code: 'invalid_usage' });
  }
  url.pathname = `${url.pathname.replace(/\/$/, '')}/health`;
  return url;
}

/** Asks a server for its health. That it does not answer, or not as this system does, is a report, too: unhealthy. */
export async function askServer(url: URL, signal: AbortSignal): Promise<HealthReport> {
  try {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(url, { signal: AbortSignal.any([signal, timeout]), redirect: 'error' });
    const report = parseReport(await readBounded(response));
    return report ?? unhealthy(`the answer is not a report of health (HTTP ${response.status})`);
  } catch (error) {
    if (signal.aborted) throw new HrmError('asking for the health was aborted', { kind: 'closed', code: 'aborted' });
    return unhealthy(reasonOf(error));
  }
}

async function readBounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_REPORT_BYTES) break;
  }
  return text;
}

function parseReport(text: string): HealthReport | null {
  try {
    const { status, checks } = JSON.parse(text);
    const { service, queue, storage } = checks;
    const isReport = STATUSES.includes(status) && [service, queue, storage].every((check) => typeof check === 'string');
    return isReport ? { status, checks: { service, queue, storage } } : null;
  } catch {
    return null;
  }
}

function unhealthy(service: string): HealthReport {
  return { status: 'unhealthy', checks: { service, queue: 'not known', storage: 'not known' } };
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS} ms`;
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  return `the server cannot be reached${code}`;
}
