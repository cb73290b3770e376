/**
 * The beats of a strap, in `hr` messages (132): one gives an instant, and those behind it the low 12 bits of a counter of 1/1024 s.
 * @see FIT protocol, "hr" message
 */
import type { PieceGatherer } from '../../gather-pieces.js';
import { fitTimeMs } from './clock.js';
import { type Definition, fieldValue, readUint } from './definition.js';

const FIELD = { timestamp: 253, fractional: 0, filteredBpm: 6, eventTimestamp: 9, eventTimestamp12: 10 } as const;
const EVENTS_A_SECOND = 1024;
const INVALID_RATE = 0xff;

/** Takes the messages of one strap. */
export interface StrapBeats {
  /** @param start - of the message. */
  take(bytes: Uint8Array, start: number, definition: Definition, deviceId: string): void;
}

/** Begins without an instant. */
export function createStrapBeats(gatherer: PieceGatherer): StrapBeats {
  let anchorMs = Number.NaN;
  let anchorEvent = 0;
  // Counts on where the counter's bits are used up.
  let event = 0;

  function add(deviceId: string, rate: number | undefined): void {
    if (rate === undefined || rate === INVALID_RATE) gatherer.drop('absent');
    else gatherer.add(deviceId, anchorMs + ((event - anchorEvent) * 1000) / EVENTS_A_SECOND, rate);
  }

  return {
    take(bytes, start, definition, deviceId) {
      const timestamp = fieldValue(bytes, start, definition, FIELD.timestamp, 4);
      const events = definition.fields.get(FIELD.eventTimestamp);
      const rates = definition.fields.get(FIELD.filteredBpm);
      const rateAt = (i: number) => (rates !== undefined && i < rates.size ? bytes[start + rates.at + i] : undefined);
      let beats = 0;
      if (events !== undefined) {
        for (let at = 0; at + 4 <= events.size; at += 4, beats += 1) {
          const counter = readUint(bytes, start + events.at + at, 4, definition.isLittleEndian);
          if (timestamp !== undefined && beats === 0) {
            const fraction = fieldValue(bytes, start, definition, FIELD.fractional, 2) ?? 0;
            anchorMs = fitTimeMs(timestamp) + (fraction * 1000) / 32_768;
            anchorEvent = counter;
            event = counter;
          } else event += (counter - event) >>> 0;
          add(deviceId, rateAt(beats));
        }
      }
      const packed = definition.fields.get(FIELD.eventTimestamp12);
      if (packed === undefined) return;
      for (let i = 0; (i + 1) * 12 <= packed.size * 8; i += 1) {
        const rate = rateAt(beats + i);
        if (rate === undefined) break;
        event += (low12(bytes, start + packed.at, i) - event) & 0xfff;
        add(deviceId, rate);
      }
    },
  };
}

/** Two numbers of 12 bits lie in three bytes. */
function low12(bytes: Uint8Array, at: number, index: number): number {
  const first = at + 3 * (index >> 1);
  const middle = bytes[first + 1] as number;
  return (index & 1) === 0
    ? (bytes[first] as number) | ((middle & 0x0f) << 8)
    : (middle >> 4) | ((bytes[first + 2] as number) << 4);
}
