/** Where the sources let a number of things decide how many arguments a call has, or how many values a narrow array holds. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** A place in the sources. */
export interface Place {
  readonly file: string;
  /** Its text, blanks made one. */
  readonly text: string;
}

/** Every TypeScript file below some directories. */
export function readSources(root: string, directories: readonly string[]): ReadonlyMap<string, string> {
  const files = directories.flatMap((directory) =>
    readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
      .map((file) => join(directory, file)),
  );
  return new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
}

/**
 * Calls whose arguments are spread from an array, or given by `apply`: each takes its place on the stack, and some ten thousands
 * of them end the call with a RangeError. What a function passes on of its own rest parameter came as arguments already.
 */
export function findSpreads(file: string, text: string): Place[] {
  const places: Place[] = [];
  function visit(node: ts.Node): void {
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      for (const argument of node.arguments ?? []) {
        if (ts.isSpreadElement(argument) && !isRest(argument.expression)) places.push(placeOf(file, argument));
      }
      const isApply = ts.isPropertyAccessExpression(node.expression) && node.expression.name.text === 'apply';
      if (isApply) places.push(placeOf(file, node));
    }
    ts.forEachChild(node, visit);
  }
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return places;
}

/** Whether a name is the rest parameter of a function around it. */
function isRest(expression: ts.Expression): boolean {
  if (!ts.isIdentifier(expression)) return false;
  for (let node: ts.Node = expression; !ts.isSourceFile(node); node = node.parent) {
    if (!ts.isFunctionLike(node)) continue;
    const own = node.parameters.find(({ name }) => ts.isIdentifier(name) && name.text === expression.text);
    if (own !== undefined) return own.dotDotDotToken !== undefined;
  }
  return false;
}

/** Typed arrays whose values are cut to 8 or 16 bits; bytes aside, of which a `Uint8Array` mostly is made. */
export function findNarrowArrays(file: string, text: string): Place[] {
  const places: Place[] = [];
  function visit(node: ts.Node): void {
    const isNarrow = ts.isIdentifier(node) && /^(Int8|Int16|Uint16)Array$/.test(node.text);
    // A type says how something is used, and the value beside it is found as well.
    if (isNarrow && !ts.isTypeReferenceNode(node.parent)) places.push(placeOf(file, node.parent.parent));
    ts.forEachChild(node, visit);
  }
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return places;
}

function placeOf(file: string, node: ts.Node): Place {
  return { file, text: node.getText().replace(/\s+/g, ' ') };
}
