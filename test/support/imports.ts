import { globSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { parseAst } from 'vitest/node';

/** TypeScript files by their path from the top of the checkout, with `/` between folders. */
export type Tree = ReadonlyMap<string, string>;

/** One import of a file, static or dynamic, of values or types. */
export interface Import {
  /** As written; null for a dynamic import of anything but a text. */
  readonly specifier: string | null;
  /** Path of the file that a relative specifier means; null for packages. */
  readonly target: string | null;
  /** Nothing of it is left when the types are stripped. */
  readonly typeOnly: boolean;
}

/** Reads every TypeScript file of some folders of the checkout. */
export function readTree(folders: readonly string[]): Tree {
  const cwd = new URL('../..', import.meta.url).pathname;
  const files = folders
    .flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd }))
    .filter((file) => !file.includes('node_modules'));
  return new Map(files.toSorted().map((file) => [file.replaceAll('\\', '/'), readFileSync(cwd + file, 'utf8')]));
}

type Node = Readonly<Record<string, unknown>>;

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null;
}

/** Every node of a syntax tree, parents first. */
export function* nodes(value: unknown): Generator<Node> {
  if (!isNode(value)) return;
  yield value;
  for (const child of Object.values(value)) yield* nodes(child);
}

/** Node types that name another module, and what they name it by. */
const NAMING: Readonly<Record<string, string>> = {
  ImportDeclaration: 'source',
  ExportAllDeclaration: 'source',
  ExportNamedDeclaration: 'source',
  ImportExpression: 'source',
  TSImportType: 'source',
  TSExternalModuleReference: 'expression',
};

function isTypeOnly(node: Node): boolean {
  return node.type === 'TSImportType' || node.importKind === 'type' || node.exportKind === 'type';
}

function toImport(file: string, node: Node): Import[] {
  const named = typeof node.type === 'string' ? NAMING[node.type] : undefined;
  const source = named === undefined ? undefined : node[named];
  if (!isNode(source)) return [];
  const specifier = typeof source.value === 'string' ? source.value : null;
  const target = specifier?.startsWith('.') === true ? posix.join(posix.dirname(file), specifier) : null;
  return [{ specifier, target, typeOnly: isTypeOnly(node) }];
}

/** The imports of one file, in the order in which they stand. */
export function importsOf(file: string, text: string): readonly Import[] {
  return [...nodes(parseAst(text, { lang: 'ts' }).body)].flatMap((node) => toImport(file, node));
}

/** Which files of a tree each of its files imports. */
export function importGraph(tree: Tree): ReadonlyMap<string, readonly Import[]> {
  return new Map([...tree].map(([file, text]) => [file, importsOf(file, text)]));
}

/** The first import cycle found, as the files on it with the first one repeated at the end; null when there is none. */
export function findCycle(graph: ReadonlyMap<string, readonly Import[]>): readonly string[] | null {
  const done = new Set<string>();
  const path: string[] = [];
  function visit(file: string): readonly string[] | null {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return null;
    path.push(file);
    for (const { target } of graph.get(file) ?? []) {
      const cycle = target === null ? null : visit(target);
      if (cycle !== null) return cycle;
    }
    path.pop();
    done.add(file);
    return null;
  }
  for (const file of graph.keys()) {
    const cycle = visit(file);
    if (cycle !== null) return cycle;
  }
  return null;
}
