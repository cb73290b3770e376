/**
 * Traces, where somebody collects them. OpenTelemetry is loaded only then: it takes longer to load than all the rest.
 * @module
 */
import { statSync } from 'node:fs';
import { errorFields } from 'hrm-core';
import type { Logger } from 'pino';
import type { Tracing } from './tracing.js';

/** Variables of OpenTelemetry that decide whether there is anything to do; the others are read by its own packages. */
type TracingVariables = Readonly<Record<string, string | undefined>>;

/**
 * Opens tracing where an endpoint is set: OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT.
 * @returns `null` without one, with OTEL_SDK_DISABLED=true or OTEL_TRACES_EXPORTER=none, and where it cannot be opened:
 *   the service works without.
 */
export async function openTracing(env: TracingVariables, log: Logger): Promise<Tracing | null> {
  const endpoint = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT || '';
  const isOff = env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || env.OTEL_TRACES_EXPORTER === 'none';
  if (endpoint === '' || isOff) return null;
  const variable = FILE_VARIABLES.find((name) => isNoFile(env[name] ?? ''));
  if (variable !== undefined) {
    log.warn(
      { variable },
      'a variable of OpenTelemetry names a pipe, or what else is no file; the service works without traces',
    );
    return null;
  }
  try {
    const { createOtlpTracing } = await import('./otlp.js');
    return createOtlpTracing(log);
  } catch (error) {
    log.warn(errorFields(error), 'tracing cannot be opened; the service works without');
    return null;
  }
}

const FILE_VARIABLES = ['CERTIFICATE', 'CLIENT_CERTIFICATE', 'CLIENT_KEY'].flatMap((name) => [
  `OTEL_EXPORTER_OTLP_${name}`,
  `OTEL_EXPORTER_OTLP_TRACES_${name}`,
]);

/** OpenTelemetry opens these in the main thread: a pipe that nobody writes to would hold up the start for ever. What is missing it tells. */
function isNoFile(path: string): boolean {
  try {
    return path !== '' && !statSync(path).isFile();
  } catch {
    return false;
  }
}
