/** One file of an import: it may be an archive, whose files have a result each. */
import { resolve } from 'node:path';
import { isHrmError } from '../../errors.js';
import { HEAD_BYTES } from '../../formats/file-format.js';
import { isTar } from '../../formats/tar.js';
import { isZip } from '../../formats/zip/zip-directory.js';
import { openArchiveInputs } from '../archive/archive-inputs.js';
import { newTally } from '../enqueue-chunks.js';
import { closeInputs, type Input, openInputs, peekInput } from '../inputs.js';
import { type FileResult, resultOf } from './file-result.js';
import { importInput, type Run } from './import-input.js';
import type { ImportFile } from './list-files.js';
import { openInPlace } from './open-in-place.js';

/** @returns what became of the file, or of each file of an archive. @throws HrmError what is no matter of the file alone. */
export async function importFile(run: Run, file: ImportFile): Promise<readonly FileResult[]> {
  const { finished, cwd = process.cwd(), stdin, peeked, dryRun = false } = run.options;
  const { label, isFound, problem } = file;
  if (problem !== undefined) {
    const { outcome, ...error } = problem;
    return [resultOf(label, isFound, outcome, { error })];
  }
  const path = resolve(cwd, label);
  if (finished?.has(path, file) === true) {
    run.onBytes(file.byteLength ?? 0);
    return [resultOf(label, isFound, 'passed_over')];
  }
  let inputs: readonly Input[] = [];
  let results: readonly FileResult[];
  try {
    inputs = await openInputs([label], { cwd, stdin, peeked, signal: run.signal });
    results = await importOpened(run, inputs[0] as Input, isFound);
  } catch (error) {
    results = [failed(label, isFound, 0, error)];
  } finally {
    await closeInputs(inputs);
  }
  const isDone =
    results.some(({ outcome }) => outcome === 'imported') &&
    !results.some(({ outcome }) => outcome === 'failed' || outcome === 'refused');
  if (isDone && !dryRun) finished?.add(path, file);
  return results;
}

/** Imports what is open. @returns as {@link importFile}. @throws HrmError as {@link importFile}. */
export async function importOpened(run: Run, opened: Input, isFound: boolean): Promise<readonly FileResult[]> {
  try {
    return await importInputs(run, opened, isFound);
  } catch (error) {
    return [failed(opened.label, isFound, 0, error)];
  }
}

async function importInputs(run: Run, opened: Input, isFound: boolean): Promise<readonly FileResult[]> {
  const { head, input } = await peekInput(opened, HEAD_BYTES);
  if (isZip(head)) {
    const { spoolDirectory, maxSpoolBytes } = run.options;
    const archive = await openInPlace(input, { spoolDirectory, maxSpoolBytes, onBytes: run.onBytes });
    try {
      return await importArchive(run, archive, archive === input ? run.onBytes : () => undefined, isFound);
    } finally {
      if (archive !== input) await archive.close();
    }
  }
  if (isTar(head)) return await importArchive(run, input, run.onBytes, isFound);
  return [await importOne(run, input, head, isFound)];
}

async function importOne(run: Run, input: Input, head: Uint8Array, isFound: boolean): Promise<FileResult> {
  const tally = newTally();
  const enqueued = () => (run.options.dryRun === true ? 0 : tally.enqueued);
  try {
    const result = await importInput(run, input, head, tally);
    return resultOf(input.label, isFound, result.outcome, { enqueued: enqueued(), ...result });
  } catch (error) {
    return failed(input.label, isFound, enqueued(), error);
  }
}

async function importArchive(
  run: Run,
  archive: Input,
  onBytes: (count: number) => void,
  isFound: boolean,
): Promise<readonly FileResult[]> {
  const { label } = archive;
  const { spoolDirectory, maxSpoolBytes } = run.options;
  const results: FileResult[] = [];
  const inputs = openArchiveInputs(archive, { spoolDirectory, maxSpoolBytes, onBytes }, (place, { kind, problem }) => {
    const outcome = kind === 'damaged' || kind === 'not_read' ? kind : 'failed';
    const code = kind === 'not_read' ? 'no_file' : 'invalid_input';
    results.push(resultOf(place, true, outcome, { error: { code, message: problem } }));
  });
  for await (const input of inputs) {
    const peeked = await peekInput(input, HEAD_BYTES);
    // Its bytes are those of the archive, which are told already.
    results.push(await importOne({ ...run, onBytes: () => undefined }, peeked.input, peeked.head, true));
  }
  const isKnown = results.some(({ outcome }) => outcome !== 'unknown' && outcome !== 'not_read');
  if (!isKnown) {
    const error = { code: 'unknown_format', message: 'no file in it has a known format' };
    results.push(resultOf(label, isFound, 'unknown', { error }));
  }
  if (results.some(({ outcome }) => outcome === 'imported')) return results;
  // Nothing stands before the damage.
  return results.map((result) => (result.outcome === 'damaged' ? { ...result, outcome: 'failed' } : result));
}

/** @throws what is no matter of the file alone. */
function failed(label: string, isFound: boolean, enqueued: number, error: unknown): FileResult {
  if (!isHrmError(error) || error.kind === 'closed' || error.kind === 'unavailable') throw error;
  const { code, message, faults } = error;
  const ofRows = code === 'invalid_readings' ? { faults } : {};
  return resultOf(label, isFound, 'failed', { enqueued, error: { code, message, ...ofRows } });
}
