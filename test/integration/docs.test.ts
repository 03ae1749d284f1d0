import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { loadConfig } from '../../config/loader.ts';
import type { Config } from '../../config/types.ts';
import { addCommands } from '../../src/cli/commands.ts';
import { connectionOf, depsOf, openWarehouse } from '../../src/cli/workplace.ts';
import type { Row } from '../../src/contract/warehouse.ts';
import { type PylonApi, startPylon } from '../../src/demo/pylon/server.ts';
import { execute } from '../../src/sync/run.ts';
import { blocks, DOCUMENTS, TOP, textOf } from '../support/documents.ts';
import { startOthers } from '../support/others.ts';

const folders: string[] = [];

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-docs-'));
  folders.push(folder);
  return folder;
}

/** Loads a configuration as a user would have it, with a placeholder for each secret that it refers to. */
async function load(yaml: string, secrets: Readonly<Record<string, string>> = {}): Promise<Config> {
  const folder = makeFolder();
  writeFileSync(join(folder, 'rollcall.yaml'), yaml);
  cpSync(join(TOP, 'examples'), folder, { recursive: true });
  const names = [...yaml.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => [name, 'pyl_demo'] as const);
  return loadConfig({ cwd: folder, env: { ...Object.fromEntries(names), ...secrets } });
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe('links', () => {
  const links = [...DOCUMENTS].flatMap(([file, text]) =>
    [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => ({ file, target })),
  );
  const slugs = (text: string): string[] =>
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    );

  test('every link to a file or heading of the project leads somewhere', () => {
    const broken = links.filter(({ file, target }) => {
      if (/^https?:/.test(target)) return false;
      const [path = '', anchor] = target.split('#');
      const at = path === '' ? file : relative(TOP, resolve(TOP, dirname(file), path));
      if (!existsSync(join(TOP, at))) return true;
      return anchor !== undefined && !slugs(textOf(at)).includes(anchor);
    });
    expect(links.length).toBeGreaterThan(20);
    expect(broken).toEqual([]);
  });

  test('every document can be reached from the README', () => {
    const reached = new Set(['README.md']);
    for (const from of reached) {
      for (const { file, target } of links.filter((link) => link.file === from && !/^https?:/.test(link.target))) {
        const at = relative(TOP, resolve(TOP, dirname(file), target.split('#')[0] ?? ''));
        const inside = [...DOCUMENTS.keys()].filter((name) => name === at || dirname(name) === at);
        for (const name of inside) reached.add(name);
      }
    }
    expect([...DOCUMENTS.keys()].filter((file) => !reached.has(file))).toEqual([]);
  });
});

describe('configurations', () => {
  test.each(blocks('yaml'))('the configuration in $file under "$heading" is accepted', async ({ code }) => {
    expect((await load(code)).connections.size).toBeGreaterThan(0);
  });
});

describe('commands', () => {
  const program = new Command();
  addCommands(program, () => undefined);
  /** Each command with its options; one of a group by both names. */
  const entries = (of: Command, group: string): [name: string, options: string[]][] =>
    of.commands.flatMap((command) => {
      const name = `${group}${command.name()}`;
      if (command.commands.length > 0) return entries(command, `${name} `);
      return [[name, command.options.map((option) => option.long ?? '').toSorted()]];
    });
  const known = new Map(entries(program, ''));

  test('the table of the README has every command with its options, and no other', () => {
    const rows = [...textOf('README.md').matchAll(/^\| `rollcall ([a-z]+(?: [a-z]+)?)(.*?)` \|/gm)];
    const table = rows.map(([, name = '', rest = '']) => [name, (rest.match(/--[a-z-]+/g) ?? []).toSorted()] as const);
    expect(new Map(table)).toEqual(known);
  });

  test('every command that the documents name exists', () => {
    const groups = new Set([...known.keys()].filter((name) => name.includes(' ')).map((name) => name.split(' ')[0]));
    const named = [...DOCUMENTS.values()].flatMap((text) =>
      [...text.matchAll(/(?:^|`|npx |-- )rollcall ([a-z][\w-]*)(?: ([a-z]+))?/gm)].map(([, name = '', sub = '']) =>
        groups.has(name) ? `${name} ${sub}` : name,
      ),
    );
    expect(named).toEqual(expect.arrayContaining(['preview', 'state rebuild']));
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });
});

test('each point of the promise in the README links to the test that is named after it', () => {
  const promise = textOf('README.md').split('## The promise')[1]?.split('\n## ')[0] ?? '';
  const points = promise.split(/^(?=\d+\. )|\n\n/m).filter((text) => /^\d+\. /.test(text));
  const proven = points.map((point) => {
    const number = Number.parseInt(point, 10);
    const tests = [...point.matchAll(/\]\(([^)]+\.test\.ts)\)/g)].map(([, file = '']) =>
      readFileSync(join(TOP, file), 'utf8'),
    );
    return tests.some((text) => text.includes(`describe('promise ${number}:`)) ? number : `${number} has no test`;
  });
  expect(proven).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

describe('the tables after some syncs from two demo APIs', () => {
  const HOUR = 3_600_000;
  let api: PylonApi;
  let sales: PylonApi;
  let stopOthers: () => Promise<unknown>;
  let config: Config;

  async function read(sql: string): Promise<Row[]> {
    const { signal } = new AbortController();
    const session = await openWarehouse(config, 'read', { signal, waiting: () => undefined });
    if (session === null) throw new Error('the syncs left no warehouse');
    try {
      return await Array.fromAsync(session.read({ sql, params: [] }));
    } finally {
      await session.close();
    }
  }

  /** One sync, as if it ran so many hours ago. */
  async function syncAgo(hours: number, connection = 'support'): Promise<void> {
    const silent = { page: () => undefined, waiting: () => undefined, note: () => undefined, warn: () => undefined };
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - hours * HOUR });
    try {
      const deps = depsOf(config, connectionOf(config, connection), silent, new AbortController().signal);
      const request = { kind: 'sync', trigger: 'command', scheduled_at: null, allowDeletes: false } as const;
      expect(await execute(deps, request)).toMatchObject({ outcome: 'ok', error: null });
    } finally {
      vi.useRealTimers();
    }
  }

  beforeAll(async () => {
    api = await startPylon({ users: 300, seed: 7 });
    sales = await startPylon({ users: 20, seed: 8 });
    const support = blocks('yaml', ['README.md'])[0]?.code.replace('region: us', `base_url: ${api.url}`) ?? '';
    const others = await startOthers();
    stopOthers = others.close;
    const own = `sales: { source: pylon, token: "\${SALES_TOKEN}", base_url: "${sales.url}" }`;
    const connections = [own, ...others.connections];
    config = await load(`${support}\n${connections.map((line) => `  ${line}\n`).join('')}`, others.secrets);
    const { world } = api;
    const admin = world.roles().find((role) => role.slug === 'admin');
    const member = world.roles().find((role) => role.slug === 'member');
    if (admin === undefined || member === undefined) throw new Error('the demo has lost its default roles');
    sales.world.setTeams([]);
    sales.world.add({ name: 'Forgotten Account', email: 'leaving.soon@acme.test' });
    const chief = sales.world.roles().find((role) => role.slug === 'admin');
    const { id: off } = sales.world.add({
      name: 'R. Newcomer',
      email: 'robin.newcomer@acme.test',
      role: chief ?? null,
    });
    for (const name of others.names) await syncAgo(218, name);
    await syncAgo(217, 'sales');
    const leaver = world.add({ name: 'Leaving Soon', email: 'leaving.soon@acme.test' });
    world.add({ name: 'Staying On', email: 'staying.on@acme.test' });
    await syncAgo(216);
    sales.world.deactivate(off);
    await syncAgo(50, 'sales');
    world.remove(leaver.id);
    const robin = world.add({ name: 'Robin Newcomer', email: 'robin.newcomer@acme.test', role_id: member.id });
    world.setTeams([{ id: 't-1', name: 'Night shift', members: [robin.id] }]);
    await syncAgo(48);
    world.changeRole(robin.id, admin.id);
    api.faults.add({ when: { path: '/users' }, answer: { kind: 'record', json: '{"id":"u-broken","name":{}}' } });
    await syncAgo(1);
  });

  afterAll(async () => {
    await api.close();
    await sales.close();
    await stopOthers();
  });

  const robin = { connection: 'support', name: 'Robin Newcomer', email: 'robin.newcomer@acme.test' };

  /** What each query of docs/sql.md must find in this world, by its heading. */
  const FOUND: Readonly<Record<string, (rows: readonly Row[]) => void>> = {
    'Who is admin, and where?': (rows) => expect(rows).toContainEqual(robin),
    'Who is admin in more than one system?': (rows) =>
      expect(rows).toEqual([{ email: robin.email, admin_in: ['sales', 'support'] }]),
    'Who joined or left in the last seven days?': (rows) =>
      expect(rows.map(({ op, name }) => [op, name])).toEqual([
        ['delete', 'Leaving Soon'],
        ['insert', 'Robin Newcomer'],
      ]),
    'How many roles changed hands, day by day?': (rows) =>
      expect(rows).toEqual([{ day: expect.any(String), connection: 'support', users: 1 }]),
    'From which role to which?': (rows) =>
      expect(rows).toEqual([
        { recorded_at: expect.any(String), name: robin.name, role_before: 'Member', role: 'Admin' },
      ]),
    'What happened to one user?': (rows) => {
      expect(rows).toMatchObject([
        { op: 'insert', role: 'Member', active: true },
        { op: 'update', role: 'Admin', changed_fields: ['roles'], valid_to: null },
      ]);
      expect(rows[0]?.valid_to).toBe(rows[1]?.valid_from);
    },
    'What did the table look like at a time?': (rows) => {
      const names = rows.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(['Leaving Soon', 'Staying On']));
      expect(names).not.toContain(robin.name);
    },
    'Which accounts does one person have?': (rows) =>
      expect(rows).toMatchObject([
        { email: robin.email, connection: 'sales', active: 'false', deleted_at: null },
        { email: robin.email, connection: 'support', active: 'true', deleted_at: null },
      ]),
    'Deactivated or gone here, but active there?': (rows) =>
      expect(rows).toMatchObject([
        { email: 'leaving.soon@acme.test', off_in: 'support', deleted_at: expect.any(String), active_in: 'sales' },
        { email: robin.email, off_in: 'sales', deleted_at: null, active_in: 'support' },
      ]),
    'Who is in which team?': (rows) =>
      expect(rows).toEqual([{ team: 'Night shift', name: robin.name, email: robin.email }]),
    'What could not be loaded, and why?': (rows) =>
      expect(rows).toMatchObject([{ user_id: 'u-broken', reason: 'name: expected a text, got an object' }]),
    'How did the last runs go?': (rows) =>
      expect(rows).toMatchObject([
        { connection: 'support', outcome: 'ok', rejected: 1, updated: 1 },
        { connection: 'support', outcome: 'ok', inserted: 1, deleted: 1 },
        { connection: 'sales', outcome: 'ok', updated: 1, deleted: 0 },
        { connection: 'support', outcome: 'ok', updated: 0, deleted: 0 },
        { connection: 'sales', outcome: 'ok', updated: 0, deleted: 0 },
        { connection: 'staff', outcome: 'ok', seen: 0 },
        { connection: 'infra', outcome: 'ok', seen: 0 },
        { connection: 'product', outcome: 'ok', seen: 0 },
      ]),
  };

  const queries = blocks('sql');

  test.each(queries)('$heading', async ({ heading, code }) => {
    const check = FOUND[heading];
    expect(check).toBeDefined();
    check?.(await read(code));
  });

  test('every expected query is in the documents once', () => {
    expect(queries.map(({ heading }) => heading)).toEqual(Object.keys(FOUND));
  });

  test('docs/tables.md names every table, view and column with its type', async () => {
    const types: Readonly<Record<string, string>> = {
      text: 'VARCHAR',
      JSON: 'JSON',
      boolean: 'BOOLEAN',
      integer: 'BIGINT',
      timestamp: 'TIMESTAMP WITH TIME ZONE',
    };
    const [, ...sections] = textOf('docs/tables.md').split(/^## /m);
    const documented = sections.flatMap((section) => {
      return [...section.matchAll(/^\| `(\w+)` \| (\w+) \|/gm)].map(
        ([, column, type = '']) => `${section.split('\n', 1)[0]}.${column} ${types[type]}`,
      );
    });
    const columns = await read(
      "select table_name, column_name, data_type from duckdb_columns() where schema_name = 'main' and not internal",
    );
    const actual = columns.map((row) => `${row.table_name}.${row.column_name} ${row.data_type}`);
    expect(documented.toSorted()).toEqual(actual.toSorted());
  });
});
