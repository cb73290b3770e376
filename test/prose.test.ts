/** What the pages are held to: short sentences, links that lead somewhere, names that are there, sizes. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { SETTINGS } from '../packages/hrm-core/src/settings.js';
import { anchorsOf, codeOf, linksOf, sentencesOf } from './support/prose.js';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

/** Words that a reader holds in mind; a link's own text may be long. */
const MAX_WORDS = 25;
const MAX_WORDS_WITH_LINK = 30;

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .trim()
  .split('\n');
const pages = files.filter((file) => file.endsWith('.md'));
/** For people who do not know the code. */
const prose = pages.filter(
  (page) =>
    ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'README.es.md'].includes(page) ||
    page.startsWith('docs/'),
);

function read(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

/** What a rule finds in pages, each fault with its page. */
function faultsOf(of: readonly string[], rule: (text: string, page: string) => readonly string[]): string[] {
  return of.flatMap((page) => rule(read(page), page).map((fault) => `${page}: ${fault}`));
}

function longSentences(text: string): string[] {
  return sentencesOf(text)
    .filter(({ words, hasLink }) => words > (hasLink ? MAX_WORDS_WITH_LINK : MAX_WORDS))
    .map(({ text, words }) => `${words}: ${text}`);
}

function deadLinks(page: string, text: string): string[] {
  return linksOf(text).flatMap(({ path, anchor }) => {
    const target = path === '' ? page : relative(ROOT, join(ROOT, page, '..', path));
    const isThere =
      path === '' || files.some((file) => file === target || file.startsWith(`${target.replace(/\/$/, '')}/`));
    if (!isThere) return [`${path}#${anchor}`];
    if (anchor === '' || !target.endsWith('.md')) return [];
    return anchorsOf(path === '' ? text : read(target)).includes(anchor) ? [] : [`${path}#${anchor}`];
  });
}

/** Files of the sources that a page names and that are not there. */
function missingFiles(text: string): string[] {
  const named = codeOf(text).filter((code) => /^[\w./-]+\.(?:ts|js|lua)$/.test(code));
  return named.filter((name) => !files.some((file) => file === name || file.endsWith(`/${name}`)));
}

describe('the pages', () => {
  it('are all there', () => {
    expect(prose.length).toBeGreaterThan(30);
  });

  it('have no sentence that is too long', () => {
    expect(faultsOf(prose, longSentences)).toEqual([]);
  });

  it('have no link that leads nowhere', () => {
    expect(faultsOf(pages, (text, page) => deadLinks(page, text))).toEqual([]);
  });

  it('name no source file that is not there', () => {
    expect(faultsOf(pages, missingFiles)).toEqual([]);
  });

  it('name no setting that is not there', () => {
    const known = new Set<string>([...SETTINGS.map(({ variable }) => variable), ...TEST_VARIABLES]);
    const unknown = (text: string) => (text.match(/\bHRM_[A-Z_]*[A-Z]\b/g) ?? []).filter((name) => !known.has(name));
    expect(faultsOf(pages, unknown)).toEqual([]);
  });

  it.each([
    ['README.md', 10_240],
    ['ARCHITECTURE.md', 9_216],
  ])('%s has at most %i bytes', (page, bytes) => {
    expect(Buffer.byteLength(read(page))).toBeLessThanOrEqual(bytes);
  });

  it('are all found from the README', () => {
    const reached = new Set(['README.md']);
    for (const page of reached) {
      for (const { path } of linksOf(read(page))) {
        const target = relative(ROOT, join(ROOT, page, '..', path));
        if (target.endsWith('.md') && files.includes(target)) reached.add(target);
      }
    }
    expect(pages.filter((page) => page.startsWith('docs/') && !reached.has(page))).toEqual([]);
  });
});

/** What only tests and benchmarks read. */
const TEST_VARIABLES = [
  'HRM_SEED',
  'HRM_HISTORIES',
  'HRM_ELEMENTS',
  'HRM_CRASH_ROUNDS',
  'HRM_CHAOS_ROUNDS',
  'HRM_RACE_ROUNDS',
  'HRM_AUDIT_REQUESTS',
  'HRM_BODIES',
  'HRM_FUZZ_FILES',
  'HRM_FUZZ_INPUTS',
  'HRM_EXPORTED_READINGS',
  'HRM_LONG_PIECES_PARTS',
  'HRM_TEST_CPU',
];

describe('the measure of the pages', () => {
  const words = (count: number) => Array(count).fill('word').join(' ');

  it.each([
    ['a paragraph', `Short.\n${words(20)}\n${words(6)}.`, 1],
    ['two sentences of a paragraph', `One ${words(20)}. Two ${words(20)}.`, 0],
    ['an item of a list', `- ${words(20)}\n- ${words(26)}`, 1],
    ['an item that goes on', `- ${words(20)}\n  ${words(6)}`, 1],
    ['a cell of a table', `| a | b |\n| - | - |\n| x | ${words(26)} |`, 1],
    ['a row of short cells', `| ${words(15)} | ${words(15)} |`, 0],
    ['a heading', `## ${words(26)}`, 1],
    ['a program', `\`\`\`sh\n${words(40)}\n\`\`\``, 0],
    ['code in a sentence', `Run \`${words(40)}\` now.`, 0],
    ['a link', `See [${words(25)}](a.md).`, 0],
    ['a long link', `See [${words(30)}](a.md).`, 1],
    ['an abbreviated number', `It takes 0.5 ms ${words(24)}.`, 1],
  ])('finds in %s what is too long', (_, page, count) => {
    expect(longSentences(page)).toHaveLength(count);
  });

  it('finds dead links, dead anchors and files that are gone', () => {
    expect(deadLinks('README.md', '[a](nowhere.md) [b](LICENSE) [c](#b-c) [d](#d) [e](docs/)\n\n## B, c\n')).toEqual([
      'nowhere.md#',
      '#d',
    ]);
    expect(missingFiles('`pure/merge.ts` and `pure/gone.ts`')).toEqual(['pure/gone.ts']);
  });
});
