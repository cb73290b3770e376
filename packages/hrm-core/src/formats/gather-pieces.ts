import type { DropReason, Piece } from './file-format.js';

/** Gathers what a format finds, until somebody takes it. */
export interface PieceGatherer {
  /** A value of a device. What is NaN counts as absent. */
  add(deviceId: string, timeMs: number, heartRate: number, userId?: string): void;
  drop(reason: DropReason, count?: number): void;
  /** Values beyond a bound of this software. @param bound - for people: `a line is longer than 1 MiB`. */
  tooLarge(bound: string, count?: number): void;
  note(code: string, message: string): void;
  damage(at: string, message: string): void;
  /** What was gathered since the last time; values of one device stay in their order. */
  take(): readonly Piece[];
}

interface Gathered {
  readonly kind: 'values';
  readonly userId?: string;
  readonly deviceId: string;
  readonly timesMs: number[];
  readonly heartRates: number[];
}

/** Begins to gather. */
export function createPieceGatherer(): PieceGatherer {
  const devices = new Map<string, Gathered>();
  const dropped = new Map<DropReason, number>();
  let others: Piece[] = [];
  let last: Gathered | null = null;
  function gatheredOf(deviceId: string, userId?: string): Gathered {
    if (last?.deviceId === deviceId && last.userId === userId) return last;
    const key = userId === undefined ? deviceId : `${userId}\n${deviceId}`;
    let found = devices.get(key);
    if (found === undefined) {
      found = { kind: 'values', ...(userId !== undefined && { userId }), deviceId, timesMs: [], heartRates: [] };
      devices.set(key, found);
    }
    last = found;
    return found;
  }
  function drop(reason: DropReason, count = 1): void {
    if (count > 0) dropped.set(reason, (dropped.get(reason) ?? 0) + count);
  }
  return {
    add(deviceId, timeMs, heartRate, userId) {
      if (Number.isNaN(heartRate)) return drop('absent');
      if (Number.isNaN(timeMs)) return drop('no_time');
      const { timesMs, heartRates } = gatheredOf(deviceId, userId);
      timesMs.push(timeMs);
      heartRates.push(heartRate);
    },
    drop,
    tooLarge(bound, count = 1) {
      drop('too_large', count);
      others.push({ kind: 'note', code: 'too_large', message: bound });
    },
    note(code, message) {
      others.push({ kind: 'note', code, message });
    },
    damage(at, message) {
      others.push({ kind: 'damage', at, message });
    },
    take() {
      const counts = [...dropped].map(([reason, count]): Piece => ({ kind: 'dropped', reason, count }));
      const pieces: readonly Piece[] = [...devices.values(), ...counts, ...others];
      devices.clear();
      dropped.clear();
      others = [];
      last = null;
      return pieces;
    },
  };
}
