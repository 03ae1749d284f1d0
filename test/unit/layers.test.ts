import { describe, expect, test } from 'vitest';
import { findCycle, type Import, importGraph, importsOf, readTree, type Tree } from '../support/imports.ts';

/** What each layer may import of ours, beside its own files. A new folder must be given its place here. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  contract: ['errors'],
  http: ['contract', 'errors'],
  journal: ['contract', 'errors'],
  sql: ['contract', 'errors'],
  demo: ['contract', 'errors'],
  sources: ['contract', 'errors', 'http', 'journal', 'sql'],
  warehouses: ['contract', 'errors', 'http', 'journal', 'sql'],
  sync: ['contract', 'errors', 'http', 'journal', 'sql', 'sources', 'warehouses'],
  writes: ['contract', 'errors', 'http', 'journal', 'sql', 'sources', 'warehouses', 'sync'],
  config: ['contract', 'errors', 'sources', 'warehouses'],
  jobs: ['contract', 'errors', 'http', 'journal', 'sql', 'sources', 'warehouses', 'sync', 'config'],
  cli: [
    'contract',
    'errors',
    'http',
    'journal',
    'sql',
    'sources',
    'warehouses',
    'sync',
    'writes',
    'config',
    'jobs',
    'demo',
  ],
};

/** Folders in which each file is a thing of its own. */
const COLLECTIONS = ['sources', 'warehouses'];

/** Layers that work with whatever source and warehouse there is. */
const ENGINES = ['sync', 'writes'];

const MAX_LINES = 300;

function layerOf(file: string): string {
  const [top = '', second = ''] = file.split('/');
  return top === 'src' ? second.replace(/\.ts$/, '') : top;
}

/** `pylon` for src/sources/pylon.ts and for its sibling src/sources/pylon-search.ts. */
function stem(file: string): string {
  return (file.split('/')[2] ?? '').replace(/[-.].*$/, '');
}

/** Stems of what a collection's registry names; its other files are shared by all of them. */
function members(graph: ReadonlyMap<string, readonly Import[]>, layer: string): ReadonlySet<string> {
  const registry = graph.get(`src/${layer}/registry.ts`) ?? [];
  return new Set(
    registry
      .filter(({ target }) => target !== null && layerOf(target) === layer)
      .map(({ target }) => stem(target ?? '')),
  );
}

/** True for the registry of a collection and what it names, false for a file that they share. */
function isNamed(target: string, graph: ReadonlyMap<string, readonly Import[]>): boolean {
  const layer = layerOf(target);
  return target === `src/${layer}/registry.ts` || members(graph, layer).has(stem(target));
}

/** Why an import inside a collection is wrong; null when it is right. */
function insideCollection(file: string, target: string, graph: ReadonlyMap<string, readonly Import[]>): string | null {
  const layer = layerOf(file);
  if (file === `src/${layer}/registry.ts` || stem(file) === stem(target)) return null;
  if (target === `src/${layer}/registry.ts`) return 'the registry is for other layers';
  return isNamed(target, graph) ? `files of ${layer} import their own siblings only` : null;
}

/** The rule that an import breaks; null when it breaks none. */
function broken(file: string, found: Import, graph: ReadonlyMap<string, readonly Import[]>): string | null {
  const from = layerOf(file);
  // The one file that loads what a configuration names: a source of the user's own.
  if (found.specifier === null && file === 'config/own-sources.ts') return null;
  if (found.specifier === null)
    return 'a dynamic import names its module as a plain text, so that this test can read it';
  if (found.target === null || !found.target.endsWith('.ts')) return null;
  const to = layerOf(found.target);
  const allowed = LAYERS[from];
  if (allowed === undefined) return `${from} has no place among the layers`;
  if (from === to) return COLLECTIONS.includes(from) ? insideCollection(file, found.target, graph) : null;
  if (!allowed.includes(to))
    return `${from} may import ${allowed.length === 0 ? 'nothing of ours' : allowed.join(', ')}`;
  if (from === 'contract' && !found.typeOnly) return 'contract imports types only';
  if (from === 'config' && COLLECTIONS.includes(to) && found.target !== `src/${to}/registry.ts`) {
    return `config knows ${to} by their registry only`;
  }
  // Naming one in the engine would end "adding a source or a warehouse is adding a file".
  if (ENGINES.includes(from) && COLLECTIONS.includes(to) && isNamed(found.target, graph)) {
    return `${from} knows ${to} by their interface only`;
  }
  return null;
}

/** Every import of a tree that breaks a rule, with the file, what it imports, and the rule. */
function violations(tree: Tree): string[] {
  const graph = importGraph(tree);
  return [...graph].flatMap(([file, imports]) =>
    imports.flatMap((found) => {
      const rule = broken(file, found, graph);
      return rule === null ? [] : [`${file} imports ${found.target ?? 'a computed name'}: ${rule}`];
    }),
  );
}

function cycleIn(tree: Tree): string {
  return findCycle(importGraph(tree))?.join(' -> ') ?? '';
}

function tooLong(tree: Tree): string[] {
  const counted = [...tree].map(([file, text]) => ({ file, lines: text.trimEnd().split('\n').length }));
  return counted.filter(({ lines }) => lines > MAX_LINES).map(({ file, lines }) => `${file} has ${lines} lines`);
}

const trees = (files: Record<string, string>): Tree => new Map(Object.entries(files));

describe('this checkout', () => {
  const program = readTree(['src', 'config', 'jobs']);

  test('imports go one way', () => {
    expect(program.has('src/contract/source.ts')).toBe(true);
    expect(violations(program)).toEqual([]);
  });

  test('no import cycle, type imports included', () => {
    expect(cycleIn(program)).toBe('');
  });

  test('no file is longer than 300 lines', () => {
    expect(tooLong(readTree(['src', 'config', 'jobs', 'test', 'bench', 'scripts']))).toEqual([]);
  });
});

describe('reading imports', () => {
  test('every way to name a module is found, and texts and comments are not', () => {
    const text = `
      import a from './a.ts'; import type { B } from './b.ts'; import { type C } from './c.ts'; import './d.ts';
      export * from './e.ts'; export type { F } from './f.ts'; export { g } from './g.ts';
      type H = import('./h.ts').H; const i = await import('./i.ts'); import j = require('./j.ts');
      const no = "import x from './no.ts'"; // import './no.ts'
      /* export * from './no.ts' */ const re = /['"\`/*]/; import zod from 'zod';
    `;
    const found = importsOf('src/sync/scan.ts', text);
    expect(found.flatMap(({ target }) => target ?? [])).toEqual([...'abcdefghij'].map((name) => `src/sync/${name}.ts`));
    expect(found.filter(({ typeOnly }) => typeOnly).map(({ specifier }) => specifier)).toEqual([
      './b.ts',
      './f.ts',
      './h.ts',
    ]);
    expect(found.at(-1)).toEqual({ specifier: 'zod', target: null, typeOnly: false });
  });
});

describe('the rules', () => {
  const registry =
    "import { pylon } from './pylon.ts'; import { ident } from './ident.ts'; export const sources = { pylon, ident };";

  test.each([
    ['src/contract/io.ts', "import { isAbort } from '../errors.ts';", 'contract imports types only'],
    ['src/contract/io.ts', "import type { Page } from '../http/pages.ts';", 'contract may import errors'],
    ['src/errors.ts', "import type { Run } from './contract/run.ts';", 'errors may import nothing of ours'],
    ['src/http/client.ts', "import type { Ledger } from '../journal/ledger.ts';", 'http may import contract, errors'],
    ['src/journal/ledger.ts', "export { create } from '../sql/ddl.ts';", 'journal may import contract, errors'],
    [
      'src/sql/ddl.ts',
      "const { duckdb } = await import('../warehouses/duckdb.ts');",
      'sql may import contract, errors',
    ],
    ['src/sync/scan.ts', "import { pylon } from '../sources/pylon.ts';", 'sync knows sources by their interface only'],
    [
      'src/sync/scan.ts',
      "import { sources } from '../sources/registry.ts';",
      'sync knows sources by their interface only',
    ],
    ['src/sources/pylon.ts', "import { duckdb } from '../warehouses/duckdb.ts';", 'sources may import'],
    ['src/sources/pylon.ts', "import { ident } from './ident.ts';", 'files of sources import their own siblings only'],
    ['src/sources/pylon.ts', "import { sources } from './registry.ts';", 'the registry is for other layers'],
    ['src/demo/pylon/server.ts', "import { pages } from '../../http/pages.ts';", 'demo may import contract, errors'],
    ['src/sync/scan.ts', "import { startPylon } from '../demo/pylon/server.ts';", 'sync may import'],
    ['src/sync/scan.ts', "import { loadConfig } from '../../config/loader.ts';", 'sync may import'],
    [
      'config/loader.ts',
      "import { pylon } from '../src/sources/pylon.ts';",
      'config knows sources by their registry only',
    ],
    ['jobs/worker.ts', "import { main } from '../src/cli/main.ts';", 'jobs may import'],
    ['src/cli/main.ts', "import { world } from '../../test/support/world.ts';", 'cli may import'],
    ['src/helpers/text.ts', "import type { Run } from '../contract/run.ts';", 'helpers has no place among the layers'],
    ['src/sync/scan.ts', 'const module = await import(name);', 'a dynamic import names its module'],
  ])('%s may not say %s', (file, text, rule) => {
    const found = violations(trees({ 'src/sources/registry.ts': registry, [file]: text }));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`${file} imports `);
    expect(found[0]).toContain(rule);
  });

  test('what goes down, to a sibling, to a shared file of the folder or to a package is allowed', () => {
    const tree = trees({
      'src/sources/registry.ts': registry,
      'src/sources/pylon.ts':
        "import './pylon-search.ts'; import './record.ts'; import '../http/pages.ts'; import 'zod';",
      'src/contract/run.ts': "import type { ErrorKind } from '../errors.ts'; import type { Json } from './json.ts';",
      'src/sync/diff.ts': "import { isRecord } from '../sources/record.ts';",
      'config/loader.ts': "import { sources } from '../src/sources/registry.ts';",
      'src/cli/main.ts':
        "import '../../config/loader.ts'; import '../../jobs/queue.ts'; import '../demo/pylon/server.ts';",
      'src/cli/version.ts': "import about from '../../package.json' with { type: 'json' };",
    });
    expect(violations(tree)).toEqual([]);
  });

  test('a cycle is named by its files, also when types make it and it is entered from outside', () => {
    const tree = trees({
      'src/sync/a.ts': "import './b.ts';",
      'src/sync/b.ts': "import type { C } from './c.ts';",
      'src/sync/c.ts': "import type { D } from './d.ts';",
      'src/sync/d.ts': "export * from './b.ts';",
    });
    expect(cycleIn(tree)).toBe('src/sync/b.ts -> src/sync/c.ts -> src/sync/d.ts -> src/sync/b.ts');
    expect(cycleIn(trees({ 'src/sync/a.ts': "import './a.ts';" }))).toBe('src/sync/a.ts -> src/sync/a.ts');
  });

  test('two ways to one file are no cycle', () => {
    const tree = trees({
      'a.ts': "import './b.ts'; import './c.ts';",
      'b.ts': "import './d.ts';",
      'c.ts': "import './d.ts';",
      'd.ts': '',
    });
    expect(cycleIn(tree)).toBe('');
  });

  test('the 301st line is too many', () => {
    expect(tooLong(trees({ 'a.ts': 'x;\n'.repeat(300), 'b.ts': 'x;\n'.repeat(301) }))).toEqual(['b.ts has 301 lines']);
  });
});
