import { describe, expect, test } from 'vitest';
import { noCounts } from '../../src/contract/run.ts';
import { applyScript, type BatchFacts } from '../../src/sql/apply.ts';
import { layout } from '../../src/sql/ddl.ts';
import { writeRefs } from '../../src/sql/refs.ts';
import { writeRuns } from '../../src/sql/runs.ts';
import { claim } from '../../src/sql/state.ts';
import { COUNT_COLUMNS, RECORD_COLUMNS, STAGING_COLUMNS, TABLES } from '../../src/sql/tables.ts';
import { views } from '../../src/sql/views.ts';
import { dialects } from '../support/warehouses.ts';

const FACTS: BatchFacts = {
  connection: "o'hara",
  source: 'plain',
  epoch: 'e1',
  seq: 7,
  batch_id: 'e1-7-aa',
  recipe: 'r1',
  account: "acme's",
  run_id: 'run-7',
  recorded_at: '2026-11-01T10:00:00.000000Z',
  ops: new Set(),
  onlyNew: false,
};

const STAGED = { staging: '"stage"', refused: false, repeated: true, extra: [] };
const marks = (sql: string): number => sql.split('?').length - 1;

describe.each(dialects)('the statements of a batch for $name', ({ dialect }) => {
  const script = (...ops: string[]) => applyScript(dialect, { ...FACTS, ops: new Set(ops) }, STAGED);
  const merges = (...ops: string[]) => script(...ops).steps.filter(({ sql }) => sql.startsWith('merge'));

  test('are none for kinds of line that it does not hold', () => {
    expect(script('refs', 'role').steps).toEqual([]);
    expect(script('reject').steps.map(({ sql }) => /rejected_records/i.test(sql))).toEqual([true]);
    expect(merges('upsert')[0]?.sql).not.toMatch(/then delete/);
    expect(merges('upsert', 'purge')[0]?.sql).toMatch(/then delete/);
  });

  test('replace only the listings that the batch has', () => {
    const tables = (...ops: string[]) =>
      writeRefs(dialect, FACTS, { staging: '"stage"', ops: new Set(ops) })
        .filter(({ sql }) => sql.startsWith('delete'))
        .map(({ sql }) => /roles|teams/i.exec(sql)?.[0].toLowerCase());
    expect(tables('upsert')).toEqual([]);
    expect(tables('refs', 'role', 'team')).toEqual(['roles', 'teams']);
    expect(tables('roles', 'role')).toEqual(['roles']);
    expect(tables('refs', 'team', 'roles', 'role')).toEqual(['roles', 'teams']);
  });

  test('log the rows as they were before they change them', () => {
    const steps = script('upsert', 'delete').steps.map(({ sql }) => sql.slice(0, 6));
    expect(steps).toEqual(['insert', 'merge ']);
  });

  test('quarantine only where something is to be quarantined', () => {
    const refused = applyScript(dialect, { ...FACTS, ops: new Set(['upsert']) }, { ...STAGED, refused: true });
    expect(refused.steps).toHaveLength(3);
    expect(script('upsert').steps).toHaveLength(2);
  });

  test('end with what else belongs in the transaction', () => {
    const extra = [{ sql: 'select 1', params: [] }];
    const { steps } = applyScript(dialect, { ...FACTS, ops: new Set(['upsert']) }, { ...STAGED, extra });
    expect(steps.at(-1)).toBe(extra[0]);
  });

  test('fence on the epoch and the number before', () => {
    const { sql } = script().fence;
    const [set = '', where = ''] = sql.split(' where ');
    expect(set).toContain(`${dialect.name('seq')} = 7`);
    expect(where).toContain(`${dialect.name('seq')} = 6`);
    expect(where).toContain(`${dialect.name('epoch')} = ${dialect.literal('e1')}`);
  });

  test('write quotes in names as text and not as SQL', () => {
    for (const { sql } of [script().fence, ...script('upsert', 'delete', 'reject').steps]) {
      expect(sql).not.toMatch(/'o'hara'|'acme's'/);
      expect(sql).toContain(dialect.literal("o'hara"));
    }
  });
});

describe.each(dialects)('parameters for $name', ({ dialect }) => {
  const run = {
    run_id: 'r1',
    connection: 'crm',
    source: 'plain',
    kind: 'sync',
    trigger: 'command',
    outcome: 'ok',
    scheduled_at: null,
    started_at: 'x',
    finished_at: null,
    counts: noCounts(),
    kept: { unproven: 0, inactive: 0 },
    warnings: [],
    usage: null,
    error: null,
  } as const;

  test('are as many as the marks of a statement', () => {
    const from = { epoch: 'e1', seq: 3, batch_id: '', recipe: 'r1', account: '', updated_at: '' };
    const claims = [null, from].map((row) =>
      claim(dialect, { connection: 'crm', epoch: 'e2', recipe: 'r1', account: 'a', at: 'x', from: row, seq: 0 }),
    );
    for (const { sql, params } of [
      ...writeRuns(dialect, [run, { ...run, run_id: 'r2' }]),
      ...claims.map(({ fence }) => fence),
    ]) {
      expect(params).toHaveLength(marks(sql));
    }
  });
});

describe('the tables', () => {
  test('have no column twice and are keyed by columns of theirs', () => {
    for (const { name, key, columns } of TABLES) {
      const names = columns.map((column) => column.name);
      expect(new Set(names).size, name).toBe(names.length);
      expect(names, name).toEqual(expect.arrayContaining([...key]));
    }
  });

  test('of users and of their log share the columns of a user', () => {
    const columnsOf = (table: string) => TABLES.find(({ name }) => name === table)?.columns ?? [];
    expect(columnsOf('user_changes').slice(3)).toEqual(columnsOf('users'));
    expect(columnsOf('users')).toEqual(expect.arrayContaining([...RECORD_COLUMNS]));
  });

  test('of runs have every count of a run, in the order of its report', () => {
    expect([...COUNT_COLUMNS]).toEqual(Object.keys(noCounts()));
  });

  test('are staged with every column of a record', () => {
    expect(STAGING_COLUMNS).toEqual(expect.arrayContaining(RECORD_COLUMNS.map((column) => column.name)));
    expect(new Set(STAGING_COLUMNS).size).toBe(STAGING_COLUMNS.length);
  });
});

describe.each(dialects)('the layout for $name', ({ dialect }) => {
  test('makes tables before views and names the source’s own view', () => {
    const statements = layout(dialect, 'plain', []).map(({ sql }) => sql);
    const last = statements.findLastIndex((sql) => /^(create table|alter table)/.test(sql));
    const first = statements.findIndex((sql) => /^create or replace view/.test(sql));
    expect(first).toBeGreaterThan(last);
    expect(views(dialect, 'plain', []).at(-1)).toContain(dialect.table('plain_users'));
  });

  test('leaves out a field of the own view that is a column of all users', () => {
    const field = { path: ['x'], type: 'text', doc: '' } as const;
    const [view = ''] = views(dialect, 'plain', [
      { ...field, column: 'email' },
      { ...field, column: 'title' },
    ]).slice(-1);
    expect(view.split(`as ${dialect.name('title')}`)).toHaveLength(2);
    expect(view).not.toContain(`as ${dialect.name('email')}`);
  });
});
