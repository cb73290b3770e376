/**
 * The calls that answer with a user's heart rate: in rows, and in the readings themselves.
 */
import {
  type DamageReport,
  type Interval,
  maxRowsOf,
  parseFields,
  parseSearch,
  planSearch,
  type QueryOptions,
  type QuestionInput,
  queryLook,
  queryTables,
  READING_FORMS,
  READING_TYPES,
  type Resolve,
  ROW_FORMS,
  type Storage,
  userOfPatient,
  userPriority,
  writeSearchset,
} from 'hrm-core';
import { type Access, requireValid } from 'hrm-core/keys';
import {
  QUERY_PARAMETERS,
  type QueryValues,
  READINGS_PARAMETERS,
  readQuery,
  SEARCH_PARAMETERS,
  valuesOf,
} from 'hrm-core/schemas';
import type { Settings } from 'hrm-core/settings';
import { createSemaphore, type Scheduler } from 'hrm-core/shares';
import {
  type AnswerForm,
  contentTypeOf,
  type Form,
  hasTag,
  readAnswerForm,
  readEncoding,
} from '../http/connections/accept.js';
import { MAX_LONG_ANSWERS, MAX_SHORT_ANSWER_ROWS, MIN_PACKED_BYTES } from '../limits.js';
import type { DamageListener } from '../ops/damage.js';
import { packPieces, readBeginning, rejoin, streamPieces } from './answer.js';
import { type Call, clientOf, type Handler } from './handler.js';
import { createPlace, type Place, streamOptions } from './long-answer.js';
import { fieldsOf, piecesAsSpan } from './requests.js';

/** Where the readings are, and who hears of damage. */
export interface QueryComponents {
  readonly storage: Storage;
  readonly onDamage: DamageListener;
  /** What making answers goes by. */
  readonly share: Scheduler;
}

/** The settings that an answer depends on. */
export type QuerySettings = Pick<Settings, 'devicePriority' | 'naiveTimestamps'>;

const TOO_MANY_ANSWERS = 'too many long answers at once: read those under way, or ask for longer intervals';

/** A client may keep an answer, and must ask each time whether it still holds. */
const ANSWER_CACHING = { 'Cache-Control': 'private, no-cache', Vary: 'Accept, Accept-Encoding' } as const;

/** What is asked for, by one of the two calls. */
interface Asked {
  readonly question: QuestionInput;
  /** The most rows that the answer can have. */
  readonly maxRows: number;
  /** What tells it from other answers to the same question. */
  readonly kind: string;
  /** The bytes of the answer. */
  write(options: QueryOptions): AsyncGenerator<Uint8Array, void, undefined>;
}

/** Answers with a user's rows, in the form and packing that the client wants, or that its copy still holds. */
export function answerQuery(components: QueryComponents, { devicePriority: priority, ...settings }: QuerySettings) {
  return answerIn(ROW_FORMS, components, settings, async (target, { form, withEnd }) => {
    const parameters = readQuery(target, QUERY_PARAMETERS);
    // One that is none is among what the query refuses.
    const [interval, resolve] = [
      parameters.interval as Interval | undefined,
      parameters.resolve as Resolve | undefined,
    ];
    const asked = { ...rangeIn(parameters), interval, timeZone: parameters.time_zone, resolve };
    const fields = parseFields(parameters.fields, form, asked);
    const question = { ...asked, priority: await userPriority(components, asked.userId, priority) };
    return {
      question,
      maxRows: maxRowsOf(question),
      kind: parameters.fields === undefined ? '' : `-${fields.join('-')}`,
      write: (options) => form.write(queryTables(components, question, options), { ...question, fields, withEnd }),
    };
  });
}

/** Answers with a user's readings, as {@link answerQuery} with rows. */
export function answerReadings(components: QueryComponents, settings: Pick<QuerySettings, 'naiveTimestamps'>) {
  return answerIn(READING_FORMS, components, settings, (target, { form }) => {
    const question = rangeIn(readQuery(target, READINGS_PARAMETERS));
    const maxRows = (Date.parse(question.end) - Date.parse(question.start)) / 1_000;
    return { question, maxRows, kind: '-readings', write: (options) => form.export(components, question, options) };
  });
}

/** A form of its own, as FHIR's clients ask for it: any JSON will do. */
const SEARCH_FORMS = [READING_TYPES.fhir, 'application/json'].map((mediaType) => ({ name: 'fhir-search', mediaType }));

/** Answers with a page of a user's minutes as FHIR, as {@link answerQuery} with rows. */
export function searchObservations(
  components: QueryComponents,
  { devicePriority: priority, ...settings }: QuerySettings,
) {
  async function read(target: string, _: unknown, call: Call): Promise<Asked> {
    const { incoming, signal } = call;
    const search = parseSearch(readQuery(target, SEARCH_PARAMETERS));
    const plan = await planSearch(components, search, { signal, owner: clientOf(call) });
    const question = { ...plan.question, priority: await userPriority(components, plan.question.userId, priority) };
    const isSecure = 'encrypted' in incoming.socket || incoming.headers['x-forwarded-proto'] === 'https';
    const url = `${isSecure ? 'https' : 'http'}://${incoming.headers.host ?? ''}${target.slice(target.indexOf('/fhir/'))}`;
    return {
      question,
      maxRows: search.count,
      kind: `-${search.count}-${search.isLaterPage}-${plan.resumeMs}`,
      write: (options) => writeSearchset(search, queryTables(components, question, options), { ...plan, url }),
    };
  }
  return answerIn(SEARCH_FORMS, components, settings, read, userOfPatient);
}

function rangeIn({ user_id: userId, start, end, device_id: deviceId }: QueryValues<typeof READINGS_PARAMETERS>) {
  return { userId, start, end, deviceId };
}

function answerIn<One extends Form & { readonly name: string }>(
  forms: readonly One[],
  { storage, onDamage, share }: QueryComponents,
  { naiveTimestamps }: Pick<QuerySettings, 'naiveTimestamps'>,
  read: (target: string, form: AnswerForm<One>, call: Call) => Asked | Promise<Asked>,
  userOf: (text: string) => string = (text) => text,
): Handler {
  const semaphore = createSemaphore(MAX_LONG_ANSWERS, TOO_MANY_ANSWERS);
  return async (call) => {
    const { incoming, access, signal, headers: common } = call;
    const target = incoming.url ?? '';
    for (const name of ['user_id', 'patient'])
      for (const text of valuesOf(target, name)) access.requireUser(userOf(text));
    const form = readAnswerForm(incoming.headers, forms);
    const { question, maxRows, kind, write } = await read(target, form, call);
    const encoding = readEncoding(incoming.headers);
    const client = clientOf(call);
    // What is known to be long waits for nothing before it is refused.
    const place = createPlace(call, semaphore);
    if (maxRows > MAX_SHORT_ANSWER_ROWS) place.take();
    const options = { signal, owner: client, naiveTimestamps, wireNames: true };
    // Taken before anything is read: see queryLook. The same bytes packed otherwise are another representation.
    const look = await share.run(client, () => queryLook({ storage }, question, options), signal);
    const tag = `"${look.tag}-${form.form.name}${form.withEnd ? '-e' : ''}${encoding === null ? '' : `-${encoding}`}${kind}"`;
    const tagged = { ...common, ...ANSWER_CACHING, ...varied(common), ETag: tag };
    if (hasTag(incoming.headers, tag)) return new Response(null, { status: 304, headers: tagged });
    let isPartial = false;
    function noteDamage(report: DamageReport): void {
      isPartial ||= report.outcome !== 'answered';
      onDamage(report, fieldsOf(incoming));
    }
    const pieces = piecesAsSpan(incoming, 'query', write({ ...options, look, onDamage: noteDamage }));
    const beginning = await share.run(client, () => readBeginning(pieces), signal);
    await requireStillValid(access, pieces);
    // An answer without a file that its tag counts must not be taken for whole when the file is mended.
    const caching = isPartial ? { ...common, 'Cache-Control': 'no-store' } : tagged;
    const isPacked = encoding !== null && !(beginning.done && beginning.bytes.length < MIN_PACKED_BYTES);
    const packing = isPacked ? { 'Content-Encoding': encoding } : {};
    const headers = { ...caching, ...packing, 'Content-Type': contentTypeOf(form) };
    if (!isPacked && beginning.done) return new Response(beginning.bytes, { headers });
    if (incoming.method === 'HEAD') {
      await pieces.return();
      return new Response(null, { headers });
    }
    if (!beginning.done) await takeOrEnd(place, pieces);
    const whole = rejoin(beginning.bytes, pieces);
    const streaming = streamOptions(call, (make) => share.run(client, make, signal));
    // Also while the client takes nothing, and no piece is asked for.
    call.outgoing.once('close', access.onEnd(streaming.onError));
    return new Response(streamPieces(isPacked ? packPieces(encoding, whole) : whole, streaming), { headers });
  };
}

/** Its turn may have come late. @throws HrmError code `key_wrong`; the answer is ended then. */
async function requireStillValid(access: Access, pieces: AsyncGenerator<Uint8Array, void>): Promise<void> {
  if (!access.isValid()) await pieces.return();
  requireValid(access);
}

/** For an answer that turns out to be long. @throws HrmError code `too_busy`; the answer is ended then. */
async function takeOrEnd(place: Place, pieces: AsyncGenerator<Uint8Array, void>): Promise<void> {
  try {
    place.take();
  } catch (error) {
    await pieces.return();
    throw error;
  }
}

/** What the answer depends on, besides what every answer to this client does. */
function varied({ Vary }: Call['headers']): Readonly<Record<string, string>> {
  return Vary === undefined ? {} : { Vary: `${ANSWER_CACHING.Vary}, ${Vary}` };
}
