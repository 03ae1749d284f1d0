import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

type Members = Readonly<Record<string, unknown>>;

/** What every source and no other export has, and the same for warehouses: functions of the interface. */
const MARKS: Readonly<Record<string, readonly string[]>> = { sources: ['reader', 'user', 'api'], warehouses: ['open'] };

function isMember(value: unknown, marks: readonly string[]): value is { readonly name: unknown } {
  if (typeof value !== 'object' || value === null || !('name' in value)) return false;
  const members: Members = { ...value };
  return marks.every((mark) => typeof members[mark] === 'function');
}

/** What is wrong between the files of a folder (by file name without `.ts`) and its registry; empty when all is well. */
function problems(files: Readonly<Record<string, Members>>, registry: Members, marks: readonly string[]): string[] {
  const exported = Object.entries(files).flatMap(([file, exports]) =>
    Object.values(exports)
      .filter((value) => isMember(value, marks))
      .map((member) => ({ file, member, name: String(member.name) })),
  );
  const unregistered = exported
    .filter(({ name, member }) => registry[name] !== member)
    .map(({ file }) => `${file}.ts is not registered`);
  const misplaced = exported
    .filter(({ file, name }) => file !== name)
    .map(({ file, name }) => `${file}.ts exports ${name}, whose file is ${name}.ts`);
  const orphans = Object.entries(registry)
    .filter(([name, member]) => !exported.some((found) => found.name === name && found.member === member))
    .map(([name]) => `the registry's ${name} is not what a file exports under that name`);
  return [...unregistered, ...misplaced, ...orphans];
}

async function readFolder(folder: string): Promise<{ files: Record<string, Members>; registry: Members }> {
  const modules = await Promise.all(
    readdirSync(new URL(`../../src/${folder}`, import.meta.url))
      .filter((file) => file.endsWith('.ts'))
      .map((file) => file.slice(0, -3))
      .map(async (file) => {
        const module: Members = await import(`../../src/${folder}/${file}.ts`);
        return [file, module] as const;
      }),
  );
  const { registry = {}, ...files } = Object.fromEntries(modules);
  const named = registry[folder];
  if (typeof named !== 'object' || named === null) throw new Error(`src/${folder}/registry.ts exports no ${folder}`);
  return { files, registry: { ...named } };
}

describe.each(Object.entries(MARKS))('src/%s', (folder, marks) => {
  test('every file that exports one is registered under its own name', async () => {
    const { files, registry } = await readFolder(folder);
    expect(Object.keys(registry)).not.toEqual([]);
    expect(problems(files, registry, marks)).toEqual([]);
  });
});

describe('the check itself', () => {
  const duckdb = { name: 'duckdb', open: () => null };
  const check = (files: Record<string, Members>, registry: Members) => problems(files, registry, ['open']);

  test('a registered file with a sibling is fine', () => {
    expect(check({ duckdb: { duckdb }, 'duckdb-dialect': { dialect: { name: () => '' } } }, { duckdb })).toEqual([]);
  });

  test('a file that the registry does not name is found', () => {
    expect(check({ duckdb: { duckdb } }, {})).toEqual(['duckdb.ts is not registered']);
  });

  test('a name of the registry that is not the own name of its member is found', () => {
    expect(check({ duckdb: { duckdb } }, { duck: duckdb })).toEqual([
      'duckdb.ts is not registered',
      "the registry's duck is not what a file exports under that name",
    ]);
  });

  test('a second member in a sibling file is found', () => {
    const other = { name: 'motherduck', open: () => null };
    expect(check({ duckdb: { duckdb }, 'duckdb-cloud': { other } }, { duckdb, motherduck: other })).toEqual([
      'duckdb-cloud.ts exports motherduck, whose file is motherduck.ts',
    ]);
  });
});
