/**
 * Erasures, each a file below `.erasures`: written aside, synced, and linked under its name.
 */
import { join } from 'node:path';
import { errorCode } from '../../../errors.js';
import type { ErasurePlace } from '../erasures/erasures.js';
import { ERASURES_DIRECTORY } from '../names.js';
import { type DirectoryContext, makeDurable, type Syncing, syncShared } from './durable.js';
import { storageError, succeedsUnless } from './errors.js';
import { closeQuietly, createSynced, done, listEntries, openForReading, statusOf, unlinkQuietly } from './files.js';
import { insist, readExactly } from './snapshot/read.js';
import { temporaryPath } from './start/temporaries.js';

/** What the erasures need of the driver. */
type Context = Syncing & Pick<DirectoryContext, 'directory' | 'identity'>;

/** Bytes of an erasure, or of its report, that are read; ours have some hundred, or some thousand. */
const MAX_BYTES = 1024 * 1024;

/** Where the directory driver keeps erasures. */
export function erasurePlace(context: Context): ErasurePlace {
  const { fileSystem } = context;
  const directory = join(context.directory, ERASURES_DIRECTORY);
  return {
    async list() {
      try {
        return await insist(async () => {
          // Mostly nothing was ever erased. A look costs a tenth of a listing.
          if (statusOf(fileSystem, directory) === null) return [];
          return (await listEntries(fileSystem, directory)).map(({ name }) => name);
        });
      } catch (error) {
        throw storageError('list the erasures', context.directory, error);
      }
    },
    async read(name) {
      try {
        return await insist(async () => await readText(context, join(directory, name)));
      } catch (error) {
        throw storageError('read an erasure', context.directory, error);
      }
    },
    async write(name, text) {
      const temporary = temporaryPath(context.directory);
      try {
        await context.identity.require();
        await createSynced(fileSystem, temporary, Buffer.from(text, 'utf8'));
        await makeDurable(context, context.directory, ERASURES_DIRECTORY);
        await succeedsUnless(
          'EEXIST',
          done((callback) => fileSystem.link(temporary, join(directory, name), callback)),
        );
        await syncShared(context, directory);
      } catch (error) {
        context.known.delete(directory);
        throw storageError('keep an erasure', context.directory, error);
      } finally {
        await unlinkQuietly(fileSystem, temporary);
      }
    },
  };
}

async function readText({ fileSystem }: Context, path: string): Promise<string | null> {
  try {
    const fd = openForReading(fileSystem, path);
    if (fd === null) return null;
    try {
      const size = Number(fileSystem.fstatSync(fd, { bigint: true }).size);
      const bytes = await readExactly(fileSystem, { name: 'an erasure', fd }, 0, Math.min(size, MAX_BYTES));
      return Buffer.from(bytes).toString('utf8');
    } finally {
      closeQuietly(fileSystem, fd);
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}
