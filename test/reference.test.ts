/** The pages of docs/reference/ that are made of tables in the code say what the code says. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FILE_FORMATS } from '../packages/hrm-core/src/formats/file-formats.js';
import { ERROR_MEANINGS } from '../scripts/reference/error-meanings.js';
import { thrownCodes } from '../scripts/reference/errors.js';
import { table } from '../scripts/reference/markdown.js';
import { referencePages } from '../scripts/reference/pages.js';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const pages = Object.entries(await referencePages(ROOT));
const codes = thrownCodes(ROOT).map(({ code }) => code);

describe('the reference', () => {
  it('has its five pages', () => {
    expect(pages.map(([path]) => path.replace(/^.*\//, ''))).toEqual([
      'settings.md',
      'cli.md',
      'http.md',
      'errors.md',
      'metrics.md',
    ]);
  });

  it.each(pages)('%s is what the tables in the code say: npm run docs writes it', async (path, text) => {
    expect(await readFile(join(ROOT, path), 'utf8')).toBe(text);
  });

  it('explains no code that nothing throws', () => {
    expect(codes.length).toBeGreaterThan(60);
    expect(Object.keys(ERROR_MEANINGS).filter((code) => !codes.includes(code))).toEqual([]);
  });

  it('finds codes of either branch, and of tables', () => {
    expect(codes).toEqual(
      expect.arrayContaining(['storage_full', 'storage_unavailable', 'queue_denied', 'name_taken']),
    );
  });

  it('lists every fault that verify finds, in the page on damage', async () => {
    const source = await readFile(join(ROOT, 'packages/hrm-core/src/flow/verify/verify.ts'), 'utf8');
    const [, comment = ''] =
      /export interface VerifyFault [\s\S]*?\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s+readonly code/.exec(source) ?? [];
    const found = [...comment.matchAll(/`([a-z_]+)`(?=[^`]*?[·(.])/g)].map(([, code = '']) => code);
    const page = await readFile(join(ROOT, 'docs/reference/damage.md'), 'utf8');
    const listed = [...page.matchAll(/^\| `([a-z_]+)` +\|/gm)].map(([, code = '']) => code);
    expect(found.length).toBeGreaterThan(10);
    expect(listed.sort()).toEqual(found.sort());
  });

  it('lists every format of files, in the page on them', async () => {
    const page = await readFile(join(ROOT, 'docs/reference/health-formats.md'), 'utf8');
    const [, formats = ''] = page.split(/^## /m);
    const listed = [...formats.matchAll(/^\| ([^|]*)\|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name),
    );
    expect(listed.sort()).toEqual(FILE_FORMATS.map(({ name }) => name).sort());
  });

  it('has tables as the formatter prints them', () => {
    expect(table(['a', 'long'], [['x|y', 'z']])).toBe('| a    | long |\n| ---- | ---- |\n| x\\|y | z    |');
  });
});
