/**
 * Results that go to standard output, or to the file of `--output`.
 */
import type { CommandOption, Invocation } from '../command.js';
import { writePieces } from './output.js';
import { openOutputFile } from './output-file.js';

/** Of commands whose result may be a file. */
export const OUTPUT_OPTION: CommandOption = {
  name: 'output',
  value: 'FILE',
  about: 'Write there, whole or not at all, for you alone (0600); it replaces FILE.',
};

/** The file to write; `undefined` for standard output, which `-` says in words. */
export function fileOf(args: Invocation['args']): string | undefined {
  const path = args.value('output');
  return path === '-' ? undefined : path;
}

/** The form that the file's name asks for, by the longest ending that fits. */
export function formOfFile<Form extends { readonly extension: string }>(
  args: Invocation['args'],
  forms: readonly Form[],
): Form | undefined {
  const path = (fileOf(args) ?? '').toLowerCase().replace(/\.jsonl$/, '.ndjson');
  const fitting = forms.filter(({ extension }) => path.endsWith(`.${extension}`));
  return fitting.sort((a, b) => b.extension.length - a.extension.length)[0];
}

/** Writes to the file that was asked for, or to standard output. */
export async function printPieces(
  pieces: AsyncIterable<string | Uint8Array>,
  { args, output, cwd }: Invocation,
): Promise<void> {
  const path = fileOf(args);
  if (path === undefined) return writePieces(output, pieces);
  const file = await openOutputFile(path, cwd);
  try {
    await writePieces(file, pieces);
    await file.commit();
  } finally {
    await file.discard();
  }
}
