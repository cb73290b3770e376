import { pause } from 'hrm-core';
import type { Client, ServerSystem } from 'hrm-core/client';
import type { Report } from './report.js';

/** How long a server that has not counted yet is given for it, ms, and between two questions. */
const COUNT_PATIENCE_MS = 15_000;
const ASK_EVERY_MS = 250;

/** Asks a server; the first who does begins its count, which takes a moment. @throws HrmError as the client's calls. */
export async function askSystem(client: Client, signal: AbortSignal): Promise<Report> {
  const deadlineMs = performance.now() + COUNT_PATIENCE_MS;
  let system: ServerSystem = await client.system({ signal });
  while (system.files === null && performance.now() < deadlineMs) {
    // When the signal cuts the wait short, the next question says so.
    await pause(ASK_EVERY_MS, signal);
    system = await client.system({ signal });
  }
  return { storage: system.files, queue: system.queue };
}
