/**
 * Holds the direction of imports: pure <- parquet <- flow -> ports <- drivers. What a layer may import is listed; all
 * else is a violation, so that a new folder has to be thought about.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findCycles, type Import, type ImportGraph, importsOf, readImports } from './support/imports.js';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

/** `type x`: only its types. */
type Allowed = readonly string[];

/** What every verb may import, and what verbs share. */
const FLOW: Allowed = [
  'node:crypto',
  'node:timers/promises',
  'parquet',
  'pure',
  'ports',
  'defaults.ts',
  'limits.ts',
  'names.ts',
  'errors.ts',
  'sort-yielding.ts',
  'steps.ts',
];

/** Layer -> the layers and packages it may import. A verb imports no other verb. */
const LAYERS: Readonly<Record<string, Allowed>> = {
  'defaults.ts': ['limits.ts'],
  'errors.ts': [],
  'limits.ts': [],
  'names.ts': [],
  'steps.ts': [],
  'regular-file.ts': ['limits.ts', 'node:fs'],
  'storage-place.ts': [],
  'make-directories.ts': ['node:fs', 'node:path'],
  'sync-directory.ts': ['node:fs'],
  'waits.ts': [],
  'words.ts': [],
  'sort-yielding.ts': ['steps.ts'],
  'settings.ts': [
    'process/config-file.ts',
    'defaults.ts',
    'node:net',
    'node:path',
    'errors.ts',
    'limits.ts',
    'pure',
    'storage-place.ts',
    'valibot',
  ],
  'erasing.ts': ['flow', 'limits.ts', 'ports', 'pure', 'waits.ts'],
  'retaining.ts': ['flow', 'ports', 'pure'],
  'retention-settings.ts': ['errors.ts', 'pure', 'regular-file.ts', 'type settings.ts', 'valibot'],
  'loops.ts': ['defaults.ts', 'erasing.ts', 'flow', 'pure', 'retaining.ts', 'steps.ts', 'type watchdog.ts', 'waits.ts'],
  'supervised-loops.ts': ['type flow', 'limits.ts', 'loops.ts', 'ops/overdue.ts', 'steps.ts', 'watchdog.ts'],
  'watchdog.ts': ['errors.ts', 'limits.ts', 'waits.ts'],
  'open.ts': [
    'node:fs/promises',
    'node:path',
    'defaults.ts',
    'errors.ts',
    'ops/presence.ts',
    'retention-settings.ts',
    'type ports',
    'type settings.ts',
    'storage-place.ts',
    'type drivers',
    'dynamic drivers',
  ],
  'index.ts': [
    'erasing.ts',
    'errors.ts',
    'flow',
    'limits.ts',
    'loops.ts',
    'ops',
    'ports',
    'pure',
    'regular-file.ts',
    'retaining.ts',
    'summaries',
    'supervised-loops.ts',
    'sync-directory.ts',
    'waits.ts',
    'watchdog.ts',
    'words.ts',
  ],
  // It writes in browsers as well.
  'pure/records': ['pure/records', 'pure/answer/row-table.ts', 'pure/reading/timestamp.ts', 'type pure', 'limits.ts'],
  pure: [
    'pure',
    'limits.ts',
    'names.ts',
    'errors.ts',
    'sort-yielding.ts',
    'steps.ts',
    'words.ts',
    'type ports',
    'valibot',
    'node:buffer',
    'node:crypto',
    'node:zlib',
  ],
  parquet: [
    'node:buffer',
    'node:crypto',
    'node:zlib',
    'parquet',
    'pure',
    'limits.ts',
    'errors.ts',
    'steps.ts',
    'type ports',
    'names.ts',
    'hyparquet',
    'hyparquet-writer',
    'dynamic zstddec',
  ],
  'flow/files': [...FLOW, 'flow/files'],
  'flow/damage': [...FLOW, 'flow/damage', 'flow/files'],
  'flow/write': [...FLOW, 'flow/write', 'flow/files', 'node:buffer'],
  'flow/read': [...FLOW, 'flow/read', 'flow/files', 'flow/damage'],
  'flow/copy': [...FLOW, 'flow/copy', 'flow/files'],
  'flow/compact': [...FLOW, 'flow/compact', 'flow/files', 'flow/damage'],
  'flow/verify': [...FLOW, 'flow/verify', 'flow/files', 'flow/damage'],
  'flow/erase': [...FLOW, 'flow/erase', 'flow/files', 'flow/damage', 'waits.ts', 'words.ts', 'valibot'],
  'flow/expire': [...FLOW, 'flow/expire', 'flow/files'],
  'flow/dead-letters': [...FLOW, 'flow/dead-letters', 'flow/files'],
  'flow/live': [...FLOW, 'flow/live', 'flow/files', 'waits.ts'],
  ops: [
    'ops',
    'type flow',
    'flow/read/measure-storage.ts',
    'pure/processes',
    'node:crypto',
    'node:os',
    'type loops.ts',
    'type watchdog.ts',
    'errors.ts',
    'limits.ts',
    'names.ts',
    'waits.ts',
    'words.ts',
    'ports',
    'type settings.ts',
    'node:path',
  ],
  ports: ['type ports', 'type pure', 'type steps.ts', 'node:crypto'],
  'drivers/aws': [
    'drivers/aws',
    'ports',
    'errors.ts',
    'regular-file.ts',
    'waits.ts',
    'dynamic @aws-sdk/credential-provider-node',
    'node:',
  ],
  // Over the objects of S3, and nothing else of its storage.
  'drivers/publish-file.ts': ['errors.ts', 'node:'],
  'drivers/letters': [
    'drivers/letters',
    'drivers/publish-file.ts',
    'drivers/storage/s3/objects.ts',
    'drivers/storage/s3/s3.ts',
    'type ports',
    'errors.ts',
    'storage-place.ts',
    'sync-directory.ts',
    'node:',
  ],
  // As letters are.
  'drivers/alerts': [
    'drivers/alerts',
    'drivers/publish-file.ts',
    'drivers/storage/s3/objects.ts',
    'drivers/storage/s3/s3.ts',
    'type ports',
    'errors.ts',
    'limits.ts',
    'storage-place.ts',
    'sync-directory.ts',
    'node:',
  ],
  // As alerts are.
  'drivers/processes': [
    'drivers/processes',
    'drivers/publish-file.ts',
    'drivers/storage/s3/objects.ts',
    'drivers/storage/s3/s3.ts',
    'type ports',
    'errors.ts',
    'limits.ts',
    'node:',
  ],
  'drivers/queue': [
    'drivers/queue',
    'drivers/aws',
    'drivers/letters',
    'ports',
    'defaults.ts',
    'limits.ts',
    'errors.ts',
    'sync-directory.ts',
    'waits.ts',
    'words.ts',
    'ioredis',
    'lmdb',
    'node:',
  ],
  'drivers/storage': [
    'drivers/storage',
    'drivers/aws',
    'ports',
    // What is hidden of each file that a storage gives.
    'pure/erasure',
    'defaults.ts',
    'limits.ts',
    'make-directories.ts',
    'names.ts',
    'errors.ts',
    'regular-file.ts',
    'sort-yielding.ts',
    'steps.ts',
    'storage-place.ts',
    'node:',
  ],
  client: [
    'client',
    'pure/reading/is-series.ts',
    'errors.ts',
    'limits.ts',
    'waits.ts',
    'words.ts',
    'pure/answer/interval.ts',
    'pure/records/media-types.ts',
    'pure/time/time-zone.ts',
    'type flow',
    'type pure',
  ],
  shares: ['shares', 'pure/rotation.ts', 'errors.ts', 'waits.ts', 'type ports', 'type node:stream'],
  keys: [
    'keys',
    'shares',
    'pure',
    'ports',
    'errors.ts',
    'limits.ts',
    'make-directories.ts',
    'words.ts',
    'regular-file.ts',
    'sync-directory.ts',
    'type settings.ts',
    'valibot',
    'node:',
    // Only where there is an issuer.
    'dynamic jose',
    'type jose',
  ],
  // Everything about one person: what several rooms keep.
  archive: [
    'archive',
    'alerts/manage.ts',
    'audit/list.ts',
    'type audit/event.ts',
    'flow/erase/erasure-status.ts',
    'flow/read',
    'type flow',
    'ports/clock.ts',
    'type ports',
    'pure/reading/timestamp.ts',
    'type pure',
    'errors.ts',
    'words.ts',
    'node:stream',
    'yazl',
  ],
  audit: [
    'audit',
    'keys/admission.ts',
    'schemas',
    'type settings.ts',
    'ports/clock.ts',
    'pure/answer/question.ts',
    'type pure',
    'errors.ts',
    'limits.ts',
    'make-directories.ts',
    'regular-file.ts',
    'sync-directory.ts',
    'waits.ts',
    'words.ts',
    'node:',
  ],
  alerts: [
    'alerts',
    'flow/files',
    'defaults.ts',
    'steps.ts',
    'flow/read',
    // Into memory, for a question.
    'flow/write/write-part.ts',
    'node:timers/promises',
    'open.ts',
    'ops/log-fields.ts',
    'type settings.ts',
    'ports',
    'pure',
    'errors.ts',
    'limits.ts',
    'regular-file.ts',
    'waits.ts',
    'node:crypto',
    'node:fs',
  ],
  process: ['process', 'errors.ts', 'regular-file.ts', 'limits.ts', 'type settings.ts', 'node:'],
  doctor: [
    'doctor',
    'client',
    'process/config-file.ts',
    'audit/verify.ts',
    'keys',
    'ops',
    'flow/files',
    'flow/read',
    'flow/verify',
    'ports',
    'pure',
    'retention-settings.ts',
    'dynamic drivers',
    'type drivers',
    'errors.ts',
    'open.ts',
    'settings.ts',
    'waits.ts',
    'words.ts',
    'node:',
  ],
  formats: [
    'formats',
    'pure/reading/is-series.ts',
    'pure/reading/series.ts',
    'pure/time/time-zone.ts',
    'limits.ts',
    'errors.ts',
    'node:buffer',
    'type node:crypto',
    'node:stream',
    'node:zlib',
  ],
  import: [
    'import',
    'formats',
    'flow/write',
    'parquet/read-batch.ts',
    'process/terminal-text.ts',
    'type client',
    'shares/quota.ts',
    'type shares',
    'type settings.ts',
    'type ports',
    'pure',
    'limits.ts',
    'make-directories.ts',
    'errors.ts',
    'regular-file.ts',
    'waits.ts',
    'words.ts',
    'node:',
    'valibot',
  ],
  // What a run did, in words and in the names of the wire.
  summaries: ['summaries', 'type flow', 'type ops', 'type ports', 'type retaining.ts', 'pure/partition.ts', 'words.ts'],
  simulate: ['simulate', 'import', 'type flow/write', 'limits.ts', 'errors.ts', 'waits.ts'],
  schemas: [
    'schemas',
    'type audit/event.ts',
    'keys/api-key.ts',
    'errors.ts',
    'limits.ts',
    'ops/health-issues.ts',
    'pure',
    'valibot',
  ],
  contract: ['contract', 'type ports', 'pure/erasure', 'limits.ts', 'names.ts', 'errors.ts', 'node:'],
};

function layerOf(file: string): string {
  return Object.keys(LAYERS).find((layer) => file === layer || file.startsWith(`${layer}/`)) ?? file;
}

function isAllowed({ target, typeOnly, dynamic }: Import, allowed: Allowed): boolean {
  return allowed.some((rule) => {
    const name = rule.replace(/^(type|dynamic) /, '');
    if (rule.startsWith('type ') && !typeOnly) return false;
    if (rule.startsWith('dynamic ') && !dynamic) return false;
    return target === name || target.startsWith(`${name}/`) || (name === 'node:' && target.startsWith(name));
  });
}

/** Imports of hrm-core that its layers do not allow, as `file -> target`. */
function violations(graph: ImportGraph): string[] {
  return [...graph].flatMap(([file, imports]) =>
    imports.filter((one) => !isAllowed(one, LAYERS[layerOf(file)] ?? [])).map(({ target }) => `${file} -> ${target}`),
  );
}

/** The source files of a directory, without their comments. */
function sourcesOf(directory: string): { readonly file: string; readonly code: string }[] {
  const files = readdirSync(ROOT + directory, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => ({
      file,
      code: readFileSync(`${ROOT}${directory}/${file}`, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*/gm, ''),
    }));
}

function planted(file: string, text: string): ImportGraph {
  return new Map([[file, importsOf('/', file, text)]]);
}

describe('the direction of imports in hrm-core', () => {
  const graph = readImports(`${ROOT}packages/hrm-core/src`);

  it('is held by every file', () => {
    expect(graph.size).toBeGreaterThan(30);
    expect(violations(graph)).toEqual([]);
  });

  it('has no cycles, of types neither', () => {
    expect(findCycles(graph)).toEqual([]);
  });

  it('gives every source file a layer', () => {
    expect([...graph.keys()].filter((file) => LAYERS[layerOf(file)] === undefined)).toEqual([]);
  });

  it.each([
    ['pure/a.ts', "import { x } from '../ports/clock.js'"],
    ['pure/a.ts', "export * from '../flow/query.js'"],
    ['pure/a.ts', "import fs from 'node:fs'"],
    ['pure/a.ts', "import { parquetRead } from 'hyparquet'"],
    ['flow/read/a.ts', "import type { X } from 'hyparquet-writer'"],
    ['flow/read/a.ts', "import { verify } from '../verify/verify.js'"],
    ['flow/files/a.ts', "import type { OnDamage } from '../damage/damage.js'"],
    ['flow/write/a.ts', "import { openEmbeddedQueue } from '../../drivers/queue/embedded/embedded.js'"],
    ['flow/write/a.ts', "type X = import('../../drivers/queue/embedded/embedded.js').X"],
    ['drivers/queue/a.ts', "import type { X } from '../../flow/query.js'"],
    ['drivers/queue/a.ts', "import { x } from '../storage/directory.js'"],
    ['ports/a.ts', "import { type A, b } from '../pure/columns.js'"],
    ['index.ts', "export { x } from './drivers/queue/embedded/embedded.js'"],
    ['index.ts', "const x = await import('./drivers/queue/embedded/embedded.js')"],
    ['open.ts', "import { x } from './drivers/queue/embedded/embedded.js'"],
    ['extra/a.ts', "import { x } from '../limits.js'"],
  ])('would catch in %s: %s', (file, text) => {
    expect(violations(planted(file, text))).toHaveLength(1);
  });

  it('would catch a cycle of types', () => {
    const [a, b] = ['a.ts', 'b.ts'] as const;
    const cycle = new Map([
      [a, importsOf('/', a, "import type { B } from './b.js'")],
      [b, importsOf('/', b, "export type { A } from './a.js'")],
    ]);
    expect(findCycles(cycle)).toEqual(['a.ts -> b.ts -> a.ts']);
  });
});

describe('what runs in a browser', () => {
  /** Everything that a file loads, files and packages, types aside. */
  function loadedBy(graph: ImportGraph, file: string, loaded = new Set<string>()): Set<string> {
    for (const { target, typeOnly } of graph.get(file) ?? []) {
      if (typeOnly || loaded.has(target)) continue;
      loaded.add(target);
      loadedBy(graph, target, loaded);
    }
    return loaded;
  }

  it('of core is the client, which loads nothing of Node, no package, and little of core', () => {
    const loaded = loadedBy(readImports(`${ROOT}packages/hrm-core/src`), 'client/index.ts');
    const others = [...loaded].filter((target) => !target.startsWith('client/'));
    expect(others.sort()).toEqual([
      'errors.ts',
      'limits.ts',
      'pure/answer/interval.ts',
      'pure/reading/is-series.ts',
      'pure/records/media-types.ts',
      'pure/time/time-zone.ts',
      'waits.ts',
      'words.ts',
    ]);
  });

  it('of core are the formats of devices and exports, which load nothing of Node, and of core what judges', () => {
    const loaded = loadedBy(readImports(`${ROOT}packages/hrm-core/src`), 'formats/index.ts');
    const others = [...loaded].filter((target) => !target.startsWith('formats/'));
    expect(others.sort()).toEqual(['errors.ts', 'limits.ts', 'pure/time/time-zone.ts']);
    expect(loaded.has('formats/read-rows.ts')).toBe(false);
  });

  it('of the server are the pages, which know the API by the client alone', () => {
    const graph = readImports(`${ROOT}packages/hrm-server/dashboard`);
    const entries = [
      'main.ts',
      'status/main.ts',
      'live/main.ts',
      'live-device/main.ts',
      'import/main.ts',
      'import/worker.ts',
    ];
    const loaded = new Set(entries.flatMap((entry) => [...loadedBy(graph, entry)]));
    const others = [...loaded].filter((target) => !graph.has(target));
    expect(others.sort()).toEqual(['hrm-core/client', 'hrm-core/formats', 'uplot']);
    expect(findCycles(graph)).toEqual([]);
    const wire =
      /EventSource|XMLHttpRequest|\b(?:user_id|device_id|heart_rate)\b|['"`](?:metrics|users|system|session)\//;
    // What is downloaded has the columns of the API's own files.
    const sources = sourcesOf('packages/hrm-server/dashboard').filter(({ file }) => file !== 'downloads.ts');
    expect(sources.filter(({ code }) => wire.test(code)).map(({ file }) => file)).toEqual([]);
  });

  it('of core is what surrounds a process, which loads nothing of a service, so that hrm can have it at each start', () => {
    const loaded = loadedBy(readImports(`${ROOT}packages/hrm-core/src`), 'process/index.ts');
    const heavy = /^(?:drivers|flow|parquet|pure|ops|keys|open|index)\b|^(?:lmdb|ioredis|hyparquet|hono|pino|valibot)/;
    expect([...loaded].filter((target) => heavy.test(target))).toEqual([]);
    expect(loaded.size).toBeGreaterThan(5);
  });
});
