import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { EXIT_CODES, exitCodeOf } from '../../packages/hrm-cli/src/exit-codes.js';
import type { HrmErrorKind } from '../../packages/hrm-core/src/errors.js';
import { CLIENT_PROBLEMS, STATUS_BY_KIND } from '../../packages/hrm-core/src/schemas/problems.js';
import { ERROR_MEANINGS, KIND_MEANINGS } from './error-meanings.js';
import { page, table } from './markdown.js';

const PACKAGES = ['hrm-core', 'hrm-server', 'hrm-cli'];

const INTRO = `An error has a kind, a code and a message. Kinds and codes are stable, for programs. Messages are for people, and change.

- The library throws \`HrmError\` with \`kind\`, \`code\` and \`faults\`.
- The server answers \`application/problem+json\` (RFC 9457) with \`status\`, \`code\`, \`detail\` and \`errors\`.
- The command line prints the message and ends with an exit code. With \`--json\` it prints \`{"error":{"kind","code","message","errors"}}\`.`;

/** The page of the errors. @param root - of the repository. */
export function errorsPage(root: string): string {
  const kinds = (Object.keys(STATUS_BY_KIND) as HrmErrorKind[]).map((kind) => {
    return [`\`${kind}\``, KIND_MEANINGS[kind], String(STATUS_BY_KIND[kind]), String(exitCodeOf(kind))];
  });
  const refusals = Object.entries(CLIENT_PROBLEMS).map(([code, { status, about }]) => [
    `\`${code}\``,
    String(status),
    about,
  ]);
  const thrown = thrownCodes(root).filter(({ code }) => !Object.hasOwn(CLIENT_PROBLEMS, code));
  return page(
    '# Errors',
    INTRO,
    '## Kinds',
    table(['kind', 'meaning', 'HTTP status', 'exit code'], kinds),
    `Exit code ${EXIT_CODES[0]?.code} is success. [The command line](cli.md#exit-codes) lists all.`,
    '## What the server refuses',
    'These codes are the client’s fault, so a repeated request fails again. `rate_limited` and `request_timeout` may be tried again.',
    table(['code', 'status', 'meaning'], refusals),
    '## What can fail otherwise',
    'Over HTTP these errors have the status of their kind. They have no detail there, since a message may name files.',
    table(
      ['code', 'kind', 'meaning'],
      thrown.map(({ code, kinds: own }) => [
        `\`${code}\``,
        own.map((kind) => `\`${kind}\``).join(', '),
        meaningOf(code),
      ]),
    ),
  );
}

function meaningOf(code: string): string {
  const meaning = ERROR_MEANINGS[code];
  if (meaning === undefined) throw new Error(`${code} has no meaning: add it to scripts/reference/error-meanings.ts`);
  return meaning;
}

/** Every code that the sources give an error, with its kinds, in the order of the alphabet. */
export function thrownCodes(root: string): readonly { readonly code: string; readonly kinds: readonly string[] }[] {
  const kindsOf = new Map<string, Set<string>>();
  for (const name of PACKAGES) {
    const directory = join(root, 'packages', name, 'src');
    for (const file of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts')) continue;
      for (const { code, kind } of codesIn(readFileSync(join(directory, file), 'utf8'))) {
        kindsOf.set(code, (kindsOf.get(code) ?? new Set()).add(kind));
      }
    }
  }
  return [...kindsOf]
    .map(([code, kinds]) => ({ code, kinds: [...kinds].sort() }))
    .sort((a, b) => (a.code < b.code ? -1 : 1));
}

/** What makes an error of kind `invalid` of a code, its first argument. */
const MAKERS: readonly string[] = ['faultError', 'faultsError'];

/** Objects with a `kind` and a `code` that the text says, as `new HrmError` takes them, and calls of {@link MAKERS}. */
function codesIn(text: string): { code: string; kind: string }[] {
  const found: { code: string; kind: string }[] = [];
  if (!/\bcode: |\bfaults?Error\(/.test(text)) return found;
  function visit(node: ts.Node): void {
    if (ts.isObjectLiteralExpression(node)) {
      const kinds = textsOf(node, 'kind').filter((kind) => Object.hasOwn(STATUS_BY_KIND, kind));
      for (const code of textsOf(node, 'code')) found.push(...kinds.map((kind) => ({ code, kind })));
    }
    if (ts.isCallExpression(node) && MAKERS.includes(node.expression.getText())) {
      const [code] = node.arguments;
      if (code !== undefined && ts.isStringLiteral(code)) found.push({ code: code.text, kind: 'invalid' });
    }
    ts.forEachChild(node, visit);
  }
  visit(ts.createSourceFile('source.ts', text, ts.ScriptTarget.Latest, true));
  return found;
}

/** What a property may be: a text, or one of two. */
function textsOf(node: ts.ObjectLiteralExpression, name: string): string[] {
  const property = node.properties.find((one) => ts.isPropertyAssignment(one) && one.name.getText() === name);
  if (property === undefined || !ts.isPropertyAssignment(property)) return [];
  const { initializer } = property;
  const values = ts.isConditionalExpression(initializer)
    ? [initializer.whenTrue, initializer.whenFalse]
    : [initializer];
  return values.filter(ts.isStringLiteral).map(({ text }) => text);
}
