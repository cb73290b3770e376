/** What stands in the README of an archive, for the person whose data it has. */
import type { ReadingFormName } from '../pure/records/media-types.js';
import { plural } from '../words.js';

/** What an archive has, as counted while it was made. */
export interface ArchiveSummary {
  readonly user_id: string;
  /** When it was begun, ISO 8601 in UTC. */
  readonly made_at: string;
  readonly format: ReadingFormName;
  readonly readings: number;
  /** `null`: there are too many to list. */
  readonly devices: number | null;
  readonly alerts: number;
  readonly erasures: number;
  /** `null`: no audit log was named. */
  readonly audit_entries: number | null;
  /** Damaged files that it was made without. */
  readonly damaged_files: number;
  /** Names of what is in it, but for the README. */
  readonly files: readonly string[];
}

const LIST_COLUMNS =
  'user_id: who. device_id: by which device. timestamp: when, in UTC, like 2024-01-15T10:00:00Z. heart_rate: beats a minute.';

/** How readings look, and what opens them. */
const FORMS: Readonly<Record<ReadingFormName, readonly string[]>> = {
  parquet: [
    'Tables in the format Apache Parquet. DuckDB, Python (pandas) and R open them.',
    "In DuckDB: SELECT * FROM 'readings/*.parquet' ORDER BY timestamp_ms;",
    'Columns: timestamp_ms: when, in milliseconds since 1970-01-01T00:00:00Z. heart_rate: beats a minute.',
    'device_id: by which device. user_id: who. received_minute: when the service received it, in minutes since 1970-01-01T00:00:00Z.',
  ],
  csv: [
    'Tables as text, with commas, in UTF-8. Every spreadsheet opens them; most show the first 1,048,576 rows only.',
    `Columns: ${LIST_COLUMNS}`,
  ],
  ndjson: ['A JSON object a line, in UTF-8. Every text editor opens them.', `Fields: ${LIST_COLUMNS}`],
  json: ['A list of JSON objects, in UTF-8. Every text editor opens them.', `Fields: ${LIST_COLUMNS}`],
  fhir: [
    'A FHIR R4 Bundle each, as JSON. Health systems take them; every text editor opens them.',
    'Each reading is an Observation: effectiveDateTime says when, in UTC, and valueQuantity has beats a minute.',
  ],
  'fhir-ndjson': [
    'FHIR R4 Observations as JSON, one a line. Health systems take them; every text editor opens them.',
    'effectiveDateTime says when, in UTC, and valueQuantity has beats a minute.',
  ],
  omh: [
    'Open mHealth data points as JSON. Every text editor opens them.',
    'effective_time_frame says when, in UTC, and heart_rate has beats a minute.',
  ],
  gpx: ['GPX tracks, which training programs open. Times are in UTC; a rate is in beats a minute.'],
  tcx: ['TCX activities, which training programs open. Times are in UTC; a rate is in beats a minute.'],
};

const AUDIT_FILE = 'audit.ndjson';

/** What each file is that is not of readings. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  'devices.json': ['Each device, with its first and its last reading. Times are in UTC, rates in beats a minute.'],
  'settings.json': ['What was set for the person: birth year, rates, zones, time zone, ranks of devices.'],
  'alerts.json': [
    'Alerts that rules about heart rates have opened: start and end are when it was measured, in UTC.',
    'opened_at and ended_at are when the service saw it. end is null while an alert is open.',
  ],
  'erasures.json': [
    'Erasures of readings that were asked for. start and end say which readings, by when they were measured, in UTC;',
    'null has no bound. accepted_until: what was received until then is erased. report: what was done, once it is finished.',
  ],
  [AUDIT_FILE]: [
    'Who looked at the data or changed them: one JSON object a line, oldest first, times in UTC. action and call say what',
    'was done, outcome and status what came of it. key is the id of the API key, account the account that ran a command,',
    'from the network address. users null means everybody. other_users counts other persons whose ids are left out.',
  ],
};

/** The text, in UTF-8. */
export function readmeText(summary: ArchiveSummary): string {
  const { files, format, damaged_files: damaged } = summary;
  const years = files.filter((name) => name.startsWith('readings/'));
  const others = files.filter((name) => !name.startsWith('readings/'));
  const readings = years.length === 0 ? ['None are stored.'] : [...years, ...FORMS[format]];
  return `${[
    `Everything that is stored about the person with the user_id ${JSON.stringify(summary.user_id)}`,
    `Made at ${summary.made_at} (UTC) by Heart Rate Monitor System.`,
    '',
    ...section('readings/', [
      `${plural(summary.readings, 'reading')} of heart rate, a file for each year in UTC that has some:`,
      ...readings,
    ]),
    ...others.flatMap((name) => section(name, FILES[name] ?? [])),
    ...section('How to open it', [
      'Files that end with .json, .ndjson, .csv or .txt are text in UTF-8: a text editor or a browser shows them.',
      'All times are in UTC. Add the offset of your time zone to have the time on your clock.',
    ]),
    ...section('What is not here', [
      ...(damaged === 0
        ? []
        : [`Readings of ${plural(damaged, 'damaged file')}: they could not be read. Ask whoever runs the service.`]),
      ...(summary.devices === null
        ? ['devices.json: there are too many devices to list. The readings name them.']
        : []),
      ...(summary.audit_entries === null ? [`${AUDIT_FILE}: no audit log was named where this archive was made.`] : []),
      'Readings that were received and not stored yet, and what could not be stored: dead letters, damaged files.',
      'What was erased, and what was kept no longer. Backups, and copies that others have made.',
    ]),
  ].join('\n')}\n`;
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return [title, ...lines.map((line) => `  ${line}`), ''];
}

/** What was made, for people. */
export function archiveText({ readings, devices, alerts, erasures, audit_entries: entries }: ArchiveSummary): string {
  const counts = [
    plural(readings, 'reading'),
    devices === null ? 'too many devices to list' : plural(devices, 'device'),
    plural(alerts, 'alert'),
    plural(erasures, 'erasure'),
    entries === null ? 'no audit log' : plural(entries, 'audit entry', 'audit entries'),
  ];
  return `${counts.join(', ')}\n`;
}
