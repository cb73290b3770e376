/**
 * No regular expression of the sources takes more than linear time, whatever text it gets: one did, and a single POST stopped
 * the server. Expressions that are put together while the program runs cannot be looked at, and are refused too.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { superLinear } from './support/regex-growth.js';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const SOURCES = [
  'packages/hrm-core/src',
  'packages/hrm-server/src',
  'packages/hrm-server/dashboard',
  'packages/hrm-cli/src',
  'packages/hrm-cli/bin',
  'examples',
];

/** The expressions of a file, and what is wrong with each, as `file: expression: why`. */
function faultsOf(file: string, text: string): { readonly count: number; readonly faults: readonly string[] } {
  const faults: string[] = [];
  let count = 0;
  function visit(node: ts.Node): void {
    if (ts.isRegularExpressionLiteral(node)) {
      count += 1;
      const at = node.text.lastIndexOf('/');
      const why = superLinear(new RegExp(node.text.slice(1, at), node.text.slice(at + 1)));
      if (why !== null) faults.push(`${file}: ${node.text}: ${why}`);
    }
    const isMade = (ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === 'RegExp';
    if (isMade) faults.push(`${file}: ${node.getText()}: it is put together while the program runs`);
    ts.forEachChild(node, visit);
  }
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return { count, faults };
}

describe('regular expressions', () => {
  it.each(SOURCES)('of %s take linear time', (directory) => {
    const files = readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' }).filter(
      (file) => /\.[cm]?[jt]s$/.test(file) && !file.includes('node_modules'),
    );
    const found = files.map((file) =>
      faultsOf(`${directory}/${file}`, readFileSync(join(ROOT, directory, file), 'utf8')),
    );
    expect(files.length).toBeGreaterThan(0);
    expect(found.flatMap(({ faults }) => faults)).toEqual([]);
  });

  it('are found in the sources', () => {
    expect(faultsOf('a.ts', "text.replace(/ +$/, ''); v.regex(/^a$/)")).toEqual({
      count: 2,
      faults: ['a.ts: / +$/: two repetitions can take the same text'],
    });
    expect(faultsOf('a.ts', 'const x = new RegExp(y)').faults).toHaveLength(1);
  });
});

describe('what is refused', () => {
  it.each([
    [/^[^ ]*T[^ ]* \d{2}:\d{2}$/, 'a letter between two that may be it'],
    [/\s+$/, 'a search that begins anew at each blank'],
    [/\d+,/, 'a search that begins anew at each digit'],
    [/a.*b.*c/, 'one after the other'],
    [/^charset=\s*([^\s";]*)\s*$/, 'nothing between two'],
    [/^\d{0,5000}\d{0,5000}x/, 'an end that is far away'],
    [/^(a+)+$/, 'one in the other'],
    [/^(a|aa)+$/, 'two ways'],
    [/^(\w+\s?)*$/, 'what may be left out'],
    [/^(a*)*b/, 'nothing, endlessly'],
    [/^(?=.*a)b/, 'a look ahead'],
    [/^(a)\1$/, 'a reference'],
  ])('%s: %s', (pattern) => {
    expect(superLinear(pattern)).not.toBeNull();
  });

  it.each([
    /^(a|b)*$/,
    /[a-z]+/,
    /^(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y,
    /^(\d{8})~(.+?)(?:~seen|~settling-[0-9a-f]+)?$/,
    /https?:\/\/[^/?#]*/i,
    /`([^`]*)`/g,
    /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/,
    /^Bearer +(\S+) *$/i,
    /: (?=set )/,
    /^\P{Cc}+$/u,
  ])('not %s', (pattern) => {
    expect(superLinear(pattern)).toBeNull();
  });
});
