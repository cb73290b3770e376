import type { CommandTable } from './command.js';

/** Every command, by what is typed after `hrm`, in the order of help. Each is loaded when it is used. */
export const COMMANDS: CommandTable = {
  serve: {
    summary: 'Run the API, a consumer and a compacter.',
    seeAlso: ['health', 'doctor', 'keys create'],
    load: async () => (await import('./commands/serve.js')).serveCommand,
  },
  drain: {
    summary: 'Store what is queued: one batch, or all.',
    seeAlso: ['serve', 'dlq list', 'stats'],
    load: async () => (await import('./commands/drain.js')).drainCommand,
  },
  compact: {
    summary: 'Merge small files into one per user and day.',
    seeAlso: ['verify', 'stats'],
    load: async () => (await import('./commands/compact.js')).compactCommand,
  },
  verify: {
    summary: 'Look for damage in what is stored, and mend it.',
    seeAlso: ['doctor', 'compact'],
    load: async () => (await import('./commands/verify.js')).verifyCommand,
  },
  copy: {
    summary: 'Copy a store into another place, while it is in use.',
    seeAlso: ['verify', 'stats'],
    load: async () => (await import('./commands/copy.js')).copyCommand,
  },
  query: {
    summary: 'Show a heart rate, minute by minute.',
    seeAlso: ['export', 'stats', 'verify'],
    load: async () => (await import('./commands/query.js')).queryCommand,
  },
  users: {
    summary: 'List the users that have readings.',
    seeAlso: ['query', 'stats'],
    load: async () => (await import('./commands/users.js')).usersCommand,
  },
  'user-settings': {
    summary: 'Show or set what answers about a user go by.',
    seeAlso: ['query', 'users'],
    load: async () => (await import('./commands/user-settings.js')).userSettingsCommand,
  },
  erase: {
    summary: "Erase a user's readings for good, and prove it.",
    seeAlso: ['verify', 'stats'],
    load: async () => (await import('./commands/erase.js')).eraseCommand,
  },
  export: {
    summary: "Export a user's readings: FHIR, Open mHealth, GPX, TCX, CSV, Parquet.",
    seeAlso: ['query', 'import'],
    load: async () => (await import('./commands/export.js')).exportCommand,
  },
  import: {
    summary: 'Import files of devices, health exports, CSV, Parquet.',
    seeAlso: ['drain', 'serve', 'dlq list'],
    load: async () => (await import('./commands/import.js')).importCommand,
  },
  stats: {
    summary: "Count what is stored and queued; a user's days.",
    seeAlso: ['query', 'doctor'],
    load: async () => (await import('./commands/stats.js')).statsCommand,
  },
  simulate: {
    summary: 'Make believable readings of many people, for trying and load.',
    seeAlso: ['query', 'drain', 'import'],
    load: async () => (await import('./commands/simulate.js')).simulateCommand,
  },
  health: {
    summary: 'Say whether queue and storage, or a server, are well.',
    seeAlso: ['doctor', 'serve'],
    load: async () => (await import('./commands/health.js')).healthCommand,
  },
  'keys create': {
    summary: 'Make an API key.',
    load: async () => (await import('./commands/keys.js')).createCommand,
  },
  'keys list': {
    summary: 'List the API keys.',
    load: async () => (await import('./commands/keys.js')).listCommand,
  },
  'keys rotate': {
    summary: 'Make the successor of an API key.',
    load: async () => (await import('./commands/keys.js')).rotateCommand,
  },
  'keys revoke': {
    summary: 'Take API keys away.',
    load: async () => (await import('./commands/keys.js')).revokeCommand,
  },
  'audit verify': {
    summary: 'Say whether the audit log is whole.',
    load: async () => (await import('./commands/audit.js')).verifyCommand,
  },
  'audit list': {
    summary: 'List who saw or changed whose data.',
    load: async () => (await import('./commands/audit.js')).listCommand,
  },
  'alerts list': {
    summary: 'List alerts, and whether they were told.',
    load: async () => (await import('./commands/alerts.js')).listCommand,
  },
  'alerts test': {
    summary: 'Judge the rules of alerts, and try the webhook.',
    load: async () => (await import('./commands/alerts.js')).testCommand,
  },
  'alerts retry': {
    summary: 'Tell alerts again that could not be told.',
    load: async () => (await import('./commands/alerts.js')).retryCommand,
  },
  doctor: {
    summary: 'Look at everything around it, and say what to do.',
    seeAlso: ['health', 'stats', 'verify'],
    load: async () => (await import('./commands/doctor.js')).doctorCommand,
  },
  completion: {
    summary: 'Print completions for bash, zsh or fish.',
    load: async () => (await import('./commands/completion.js')).createCompletionCommand(COMMANDS),
  },
  'queue peek': {
    summary: 'Show what waits in the queue, and leave it there.',
    seeAlso: ['drain', 'stats', 'dlq list'],
    load: async () => (await import('./commands/queue.js')).peekCommand,
  },
  'dlq list': {
    summary: 'List what could not be stored.',
    seeAlso: ['dlq show', 'dlq redrive', 'dlq purge'],
    load: async () => (await import('./commands/dlq.js')).listCommand,
  },
  'dlq show': {
    summary: 'Show one dead letter with its bytes.',
    seeAlso: ['dlq list'],
    load: async () => (await import('./commands/dlq.js')).showCommand,
  },
  'dlq redrive': {
    summary: 'Put dead letters back into the queue.',
    seeAlso: ['dlq list', 'drain'],
    load: async () => (await import('./commands/dlq.js')).redriveCommand,
  },
  'dlq purge': {
    summary: 'Delete dead letters for good.',
    seeAlso: ['dlq list'],
    load: async () => (await import('./commands/dlq.js')).purgeCommand,
  },
};

/** What the groups of commands are about. */
export const GROUPS: Readonly<Record<string, string>> = {
  dlq: 'Dead letters: elements of the queue that cannot be stored. They wait here until redriven or purged.',
  audit: 'The audit log: who saw or changed whose data, when, from where, and with what outcome.',
  alerts: 'Alerts: what rules about heart rates have found as readings were stored. They are no medical monitoring.',
  queue: 'The queue: what was accepted, and waits until a consumer stores it.',
  keys: 'API keys: who may send readings, read answers, see how the system is. With none, only this machine is answered.',
};
