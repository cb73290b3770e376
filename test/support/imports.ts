/** Who imports whom, read from the sources by TypeScript's own parser. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';

/** One import, re-export, `import()` or import type. */
export interface Import {
  /** A file relative to the root that was read (`pure/merge.ts`), or a package's specifier as it is written. */
  readonly target: string;
  /** Gone after compilation. */
  readonly typeOnly: boolean;
  readonly dynamic: boolean;
}

/** File -> what it imports. */
export type ImportGraph = ReadonlyMap<string, readonly Import[]>;

/** Reads every source file under `root`. */
export function readImports(root: string): ImportGraph {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (file) => /\.[cm]?[jt]s$/.test(file) && !/(^|\/)(node_modules|dist)\//.test(file),
  );
  return new Map(files.map((file) => [file, importsOf(root, file, readFileSync(join(root, file), 'utf8'))]));
}

/** The imports of one file's text. */
export function importsOf(root: string, file: string, text: string): Import[] {
  const imports: Import[] = [];
  function add(specifier: ts.Node | undefined, typeOnly: boolean, dynamic = false): void {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier))
      throw new Error(`${file}: import without a name`);
    const written = specifier.text;
    const path = relative(root, join(root, dirname(file), written)).replace(/\.js$/, '.ts');
    imports.push({ target: written.startsWith('.') ? path : written, typeOnly, dynamic });
  }
  function visit(node: ts.Node): void {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeOnlyImport(node.importClause));
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier) add(node.moduleSpecifier, isTypeOnlyExport(node));
    else if (ts.isImportTypeNode(node))
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false, true);
    }
    ts.forEachChild(node, visit);
  }
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return imports;
}

function isTypeOnlyImport(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.isTypeOnly) return true;
  const named = clause.namedBindings;
  if (clause.name !== undefined || named === undefined || !ts.isNamedImports(named)) return false;
  return named.elements.every((element) => element.isTypeOnly);
}

function isTypeOnlyExport({ isTypeOnly, exportClause }: ts.ExportDeclaration): boolean {
  if (isTypeOnly) return true;
  return (
    exportClause !== undefined &&
    ts.isNamedExports(exportClause) &&
    exportClause.elements.every((element) => element.isTypeOnly)
  );
}

/** Files that import each other in a circle, each circle once, as `a -> b -> a`. */
export function findCycles(graph: ImportGraph): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  function walk(file: string, path: readonly string[]): void {
    const at = path.indexOf(file);
    if (at !== -1) cycles.push([...path.slice(at), file].join(' -> '));
    if (at !== -1 || done.has(file)) return;
    for (const { target } of graph.get(file) ?? []) if (graph.has(target)) walk(target, [...path, file]);
    done.add(file);
  }
  for (const file of graph.keys()) walk(file, []);
  return cycles;
}
