import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ArchiveSummary, archiveText, personArchive } from '../../src/archive/index.js';
import { openAlertDirectory } from '../../src/drivers/alerts/directory.js';
import { erase } from '../../src/flow/erase/erase.js';
import { READING_FORMS, type ReadingForm } from '../../src/flow/read/reading-forms.js';
import { writePart } from '../../src/flow/write/write-part.js';
import type { Storage } from '../../src/ports/storage.js';
import { openPromptStorage } from '../support/prompt-file-system.js';
import { MEMORY_DIRECTORY } from '../support/temporary-directory.js';

const START_MS = Date.UTC(2024, 1, 28);

let directory: string;
let storage: Storage;
beforeEach(async () => {
  directory = await mkdtemp(join(MEMORY_DIRECTORY, 'hrm-core-'));
  storage = await openPromptStorage({ directory });
  for (const userId of ['ana', 'bo']) {
    const one = { userId, deviceId: 'watch', heartRate: 60, receivedMs: START_MS };
    await writePart({ storage }, [
      { ...one, timestampMs: START_MS },
      { ...one, timestampMs: START_MS + 1 },
    ]);
  }
});
afterEach(async () => {
  await storage.close();
  await rm(directory, { recursive: true, force: true });
});

const form = READING_FORMS.find(({ name }) => name === 'csv') as ReadingForm;

function archiveOf(userId: string, options: Parameters<typeof personArchive>[2] = {}) {
  const components = { storage, alerts: openAlertDirectory(directory), auditLog: '' };
  return personArchive(components, { userId, form }, options);
}

async function lengthOf(pieces: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const piece of pieces) length += piece.length;
  return length;
}

describe('an archive of a person', () => {
  it('tells how many readings it has so far, and at the end what it has', async () => {
    const told: number[] = [];
    let summary: ArchiveSummary | undefined;
    const pieces = archiveOf('ana', {
      onProgress: (readings) => told.push(readings),
      onEnd: (made) => {
        summary = made;
      },
    });
    expect(await lengthOf(pieces)).toBeGreaterThan(1_000);
    expect(told.at(-1)).toBe(2);
    expect(summary).toMatchObject({ readings: 2, devices: 1, audit_entries: null, files: expect.any(Array) });
    expect(archiveText({ ...(summary as ArchiveSummary), devices: null, audit_entries: 1 })).toBe(
      '2 readings, too many devices to list, 0 alerts, 0 erasures, 1 audit entry\n',
    );
  });

  it('is none where readings of the person are erased meanwhile, and goes on where those of another are', async () => {
    for (const [userId, ended] of [
      ['bo', 'made'],
      ['ana', 'erased_meanwhile'],
    ] as const) {
      const pieces = archiveOf('ana');
      await pieces.next();
      await erase({ storage }, { userId, end: START_MS + 1 });
      const end = await lengthOf(pieces).then(
        () => 'made',
        (error) => error.code,
      );
      expect(end).toBe(ended);
    }
    expect(await lengthOf(archiveOf('ana'))).toBeGreaterThan(1_000);
  });

  it('is none of somebody unknown, of what is no user_id, and where it is told to stop', async () => {
    await expect(archiveOf('anna').next()).rejects.toMatchObject({ kind: 'invalid', code: 'unknown_user' });
    await expect(archiveOf('').next()).rejects.toMatchObject({ kind: 'invalid', code: 'invalid_query' });
    const stopped = archiveOf('ana', { signal: AbortSignal.abort() });
    await expect(lengthOf(stopped)).rejects.toMatchObject({ kind: 'closed' });
  });
});
