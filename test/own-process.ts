/**
 * Of each package, the test files that have a process of their own, by the beginnings of their paths below its `test/`: they measure the
 * process's memory, CPU time or descriptors, change what is the whole process's, or build programs, by a bundler that stays where it was
 * first called. The others share some: to start a process and to load the sources costs half a second of CPU time, as much as many of them.
 */
export const OWN_PROCESS: Readonly<Record<string, readonly string[]>> = {
  'hrm-core': [
    'contract/queue-embedded',
    'contract/queue-redis-servers',
    'contract/queue-sqs-fauxqs',
    'crash/',
    'flow/concurrency',
    'flow/devices',
    'flow/large-foreign-files',
    'flow/list-users',
    'flow/storage-descriptors',
    'flow/storage-directory',
    'flow/storage-durability',
    'flow/storage-flush',
    'flow/watchdog',
    'linear/',
    'property/foreign-fuzz',
    'unit/client/live',
    'unit/formats/browser',
    'unit/owner-shares',
    'unit/paced-pieces',
    'unit/parquet/round-trip',
  ],
  'hrm-server': [
    'browser/',
    'connections',
    'cut',
    'dashboard/range',
    'embedded-workers',
    'keys-file',
    'late-keys',
    'linear/',
    'log-lines',
    'openapi/fuzz',
    'post',
    'query',
    'slow-readers',
    'slow-uploads',
    'sqs',
    'tracing',
  ],
  'hrm-cli': ['doctor', 'end-process', 'hangup', 'linear', 's3', 'stall'],
};
