/**
 * The call that answers with a user's heart rate.
 */
import {
  answerCsv,
  answerJson,
  answerNdjson,
  type DamageReport,
  type Interval,
  queryTables,
  queryTag,
  type RowTable,
  type Storage,
} from 'hrm-core';
import type { Settings } from 'hrm-core/settings';
import { ANSWER_TYPES, type AnswerType, hasTag, readAnswerType, readEncoding } from './accept.js';
import { packPieces, readBeginning, rejoin, streamPieces } from './answer.js';
import type { DamageListener } from './damage.js';
import type { Call, Handler } from './handler.js';
import { MIN_PACKED_BYTES } from './limits.js';
import { readParameters, valuesOf } from './parameters.js';
import { fieldsOf, piecesAsSpan } from './requests.js';

/** Where the readings are, and who hears of damage. */
export interface QueryComponents {
  readonly storage: Storage;
  readonly onDamage: DamageListener;
}

/** The settings that an answer depends on. */
export type QuerySettings = Pick<Settings, 'devicePriority' | 'naiveTimestamps'>;

const REQUIRED_PARAMETERS = ['user_id', 'start', 'end'] as const;
const OPTIONAL_PARAMETERS = ['device_id', 'interval'] as const;

/** A client may keep an answer, and must ask each time whether it still holds. */
const ANSWER_CACHING = { 'Cache-Control': 'private, no-cache', Vary: 'Accept, Accept-Encoding' } as const;

/** Answers a question in the form and packing that the client wants, or that its copy still holds. */
export function answerQuery(
  { storage, onDamage }: QueryComponents,
  { devicePriority: priority, naiveTimestamps }: QuerySettings,
): Handler {
  return async (call) => {
    const { incoming, access, signal, headers: common } = call;
    const target = incoming.url ?? '';
    for (const userId of valuesOf(target, 'user_id')) access.requireUser(userId);
    const parameters = readParameters(target, REQUIRED_PARAMETERS, OPTIONAL_PARAMETERS);
    const { user_id: userId, start, end, device_id: deviceId, interval } = parameters;
    const type = readAnswerType(incoming.headers);
    const encoding = readEncoding(incoming.headers);
    // An interval that is none is among what the query refuses.
    const question = { userId, start, end, deviceId, interval: interval as Interval | undefined, priority };
    const options = { signal, naiveTimestamps, wireNames: true };
    // Taken before anything is read: see queryTag. The same bytes packed otherwise are another representation.
    const tag = `"${await queryTag({ storage }, question, options)}-${ANSWER_TYPES.indexOf(type)}${encoding ?? ''}"`;
    const tagged = { ...common, ...ANSWER_CACHING, ...varied(common), ETag: tag };
    if (hasTag(incoming.headers, tag)) return new Response(null, { status: 304, headers: tagged });
    let isPartial = false;
    function noteDamage(report: DamageReport): void {
      isPartial ||= report.outcome !== 'answered';
      onDamage(report, fieldsOf(incoming));
    }
    const tables = queryTables({ storage }, question, { ...options, onDamage: noteDamage });
    const pieces = piecesAsSpan(incoming, 'query', piecesOf(type, userId, tables));
    const beginning = await readBeginning(pieces);
    // An answer without a file that its tag counts must not be taken for whole when the file is mended.
    const caching = isPartial ? { ...common, 'Cache-Control': 'no-store' } : tagged;
    const isPacked = encoding !== null && !(beginning.done && beginning.bytes.length < MIN_PACKED_BYTES);
    const packing = isPacked ? { 'Content-Encoding': encoding } : {};
    const headers = { ...caching, ...packing, 'Content-Type': type === 'text/csv' ? 'text/csv; charset=utf-8' : type };
    if (!isPacked && beginning.done) return new Response(beginning.bytes, { headers });
    if (incoming.method === 'HEAD') {
      await pieces.return();
      return new Response(null, { headers });
    }
    if (!isPacked) return new Response(streamPieces(beginning.bytes, pieces, cutBy(call)), { headers });
    const packed = packPieces(encoding, rejoin(beginning.bytes, pieces));
    return new Response(streamPieces(new Uint8Array(), packed, cutBy(call)), { headers });
  };
}

/** Cuts the connection: an answer that ends before its end must not look like one. */
function cutBy({ outgoing, onLateError }: Call): (error: unknown) => void {
  return (error) => {
    onLateError(error);
    outgoing.destroy();
  };
}

/** What the answer depends on, besides what every answer to this client does. */
function varied({ Vary }: Call['headers']): Readonly<Record<string, string>> {
  return Vary === undefined ? {} : { Vary: `${ANSWER_CACHING.Vary}, ${Vary}` };
}

function piecesOf(type: AnswerType, userId: string, tables: AsyncGenerator<RowTable>) {
  if (type === 'application/x-ndjson') return answerNdjson(tables);
  return type === 'text/csv' ? answerCsv(tables) : answerJson(userId, tables);
}
