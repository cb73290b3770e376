/** Directories that are made where some are missing, and that what cannot be one is said at once. */
import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { makeDirectories } from '../../src/make-directories.js';
import { withDirectory } from '../support/temporary-directory.js';

describe('directories that are missing', () => {
  it('are made for the owner alone, and again is harmless', async () => {
    await withDirectory(async (root) => {
      const path = join(root, 'a', 'b', 'c');
      makeDirectories(path);
      makeDirectories(path);
      expect(statSync(path).mode & 0o777).toBe(0o700);
      const link = join(root, 'link');
      symlinkSync(join(root, 'a'), link);
      makeDirectories(join(link, 'd'));
      expect(readdirSync(join(root, 'a')).sort()).toEqual(['b', 'd']);
    });
  });

  it('are not made where a file is in the way, nor where the system has none', async () => {
    await withDirectory(async (root) => {
      writeFileSync(join(root, 'file'), '');
      expect(() => makeDirectories(join(root, 'file'))).toThrow(expect.objectContaining({ code: 'EEXIST' }));
      expect(() => makeDirectories(join(root, 'file', 'a'))).toThrow(expect.objectContaining({ code: 'EEXIST' }));
      // Node's own way never comes to an end here.
      expect(() => makeDirectories('/proc/none/of/this')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    });
  });

  it('are made in no other way', () => {
    const source = fileURLToPath(new URL('../../../', import.meta.url));
    const files = ['hrm-core', 'hrm-server', 'hrm-cli'].flatMap((name) => {
      const root = join(source, name, 'src');
      return readdirSync(root, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .map((file) => join(root, file));
    });
    const others = files.filter((file) => /\bmkdir(Sync)?\([^)]*\brecursive: true/.test(readFileSync(file, 'utf8')));
    expect(files.length).toBeGreaterThan(100);
    expect(others).toEqual([]);
  });
});
