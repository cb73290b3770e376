/**
 * How the whole system is, for the system page.
 */
import { createSystemView, type Health, measureStorage, type Storage, type SystemView } from 'hrm-core';
import { VERSION } from '../package.js';
import { type Handler, jsonResponse } from './handler.js';

/** Knows how the system is. */
export interface System extends Pick<SystemView, 'compacter'> {
  readonly answer: Handler;
}

/** What it goes by. */
export interface SystemComponents {
  readonly health: Pick<Health, 'look' | 'check'>;
  readonly storage: Storage;
  readonly parts: readonly string[];
  /** Ends the counting. */
  readonly signal: AbortSignal;
}

/** Creates it; nothing is counted before somebody asks. */
export function createSystem({ health, storage, parts, signal }: SystemComponents): System {
  const measure = () => measureStorage({ storage }, { signal });
  const { look, compacter } = createSystemView({ health, measure, process: { version: VERSION, parts }, signal });
  return { answer: async (call) => jsonResponse(call, 200, await look()), compacter };
}
