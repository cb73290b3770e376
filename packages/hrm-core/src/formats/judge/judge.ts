/**
 * Judges the values of files, of all formats alike. Each becomes a reading, or is counted with the reason why it is none. A value is rounded
 * half up first, so that 29.5 is a heart rate and 220.5 is none.
 */
import { DAY_MS, MAX_FILE_DEVICES, MAX_HEART_RATE_BPM, MIN_FILE_TIME_MS, MIN_HEART_RATE_BPM } from '../../limits.js';
import type { DropReason, Piece, ValuePiece } from '../file-format.js';
import { type FileAccount, keepAccount } from './account.js';
import { createSeenTimes } from './seen-times.js';

/** Readings of one device in the order of the file: arrays of one length, at least one. */
export interface JudgedReadings {
  /** Where the file itself says whose they are. */
  readonly userId?: string | undefined;
  readonly deviceId: string;
  /** Epoch milliseconds UTC, whole. */
  readonly timesMs: readonly number[];
  /** bpm, whole, 30 to 220. */
  readonly heartRates: readonly number[];
}

/** By what the values of a file are judged. */
export interface JudgeRules {
  /** The clock, epoch milliseconds. */
  readonly nowMs: number;
  /** How far ahead of the clock a time may lie, milliseconds; default and most: a day. */
  readonly maxFutureMs?: number | undefined;
  /** How far behind it, milliseconds; default: to the year 2000. */
  readonly maxPastMs?: number | undefined;
  /** Whether a reading is of a day that is kept no longer; default: everything is kept. */
  readonly isExpired?: ((userId: string | undefined, deviceId: string, timeMs: number) => boolean) | undefined;
}

/** The judge of one file. */
export interface Judge {
  /** @returns the readings of a piece; `null` where it has none. */
  take(piece: Piece): JudgedReadings | null;
  /** What came of the file, with what somebody else found besides. */
  account(notes?: readonly { readonly code: string; readonly message: string; readonly count: number }[]): FileAccount;
}

/** Begins to judge a file. @param format - its name. */
export function createJudge(format: string, { nowMs, maxFutureMs = DAY_MS, maxPastMs, isExpired }: JudgeRules): Judge {
  const keeper = keepAccount(format, MAX_FILE_DEVICES);
  const seen = createSeenTimes();
  const oldestMs = maxPastMs === undefined ? MIN_FILE_TIME_MS : nowMs - maxPastMs;
  const latestMs = nowMs + Math.min(maxFutureMs, DAY_MS);

  function timeFaultOf(timeMs: number): DropReason | null {
    if (!(timeMs >= MIN_FILE_TIME_MS)) return 'no_time';
    if (timeMs < oldestMs) return 'too_old';
    return timeMs <= latestMs ? null : 'in_future';
  }

  function takeValues({ userId, deviceId, timesMs, heartRates }: ValuePiece): JudgedReadings | null {
    const device = keeper.deviceIndex(userId, deviceId);
    if (device === null) {
      keeper.drop('too_large', timesMs.length);
      keeper.note('too_many_devices', `the file names more than ${MAX_FILE_DEVICES} devices: those beyond are dropped`);
      return null;
    }
    const keptTimes: number[] = [];
    const keptRates: number[] = [];
    for (let i = 0; i < timesMs.length; i += 1) {
      const timeMs = Math.floor(timesMs[i] as number);
      const heartRate = Math.floor((heartRates[i] as number) + 0.5);
      const reason = heartRateFault(heartRate) ?? timeFaultOf(timeMs);
      if (reason !== null) keeper.drop(reason, 1);
      else if (isExpired?.(userId, deviceId, timeMs)) keeper.drop('expired', 1);
      else if (seen.has(device, timeMs)) keeper.drop('duplicate', 1);
      else {
        keptTimes.push(timeMs);
        keptRates.push(heartRate);
        keeper.addReading(device, timeMs);
      }
    }
    if (keptTimes.length === 0) return null;
    return { ...(userId !== undefined && { userId }), deviceId, timesMs: keptTimes, heartRates: keptRates };
  }

  return {
    take(piece) {
      if (piece.kind === 'values') return takeValues(piece);
      if (piece.kind === 'dropped') keeper.drop(piece.reason, piece.count);
      else if (piece.kind === 'damage') keeper.damage(piece);
      else keeper.note(piece.code, piece.message);
      return null;
    },
    account(notes = []) {
      for (const { code, message, count } of notes) keeper.note(code, message, count);
      if (seen.isFull()) keeper.note('duplicates_not_counted', MANY_TIMES);
      return keeper.account();
    },
  };
}

const MANY_TIMES = 'the file has so many readings that doubled ones are not told apart: the highest heart rate stays';

/** Why a value is no heart rate; `null`: it is one. @param heartRate - bpm, rounded. */
export function heartRateFault(heartRate: number): DropReason | null {
  if (heartRate >= MIN_HEART_RATE_BPM && heartRate <= MAX_HEART_RATE_BPM) return null;
  if (heartRate === 0) return 'no_contact';
  if (Number.isNaN(heartRate)) return 'absent';
  return heartRate < MIN_HEART_RATE_BPM ? 'too_low' : 'too_high';
}
