import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noCounts, type Run } from '../../../src/contract/run.ts';
import type { Statement } from '../../../src/contract/warehouse.ts';
import type { WriteEntry } from '../../../src/contract/writes.ts';
import { sources } from '../../../src/sources/registry.ts';
import { applyScript, type BatchFacts, inspect } from '../../../src/sql/apply.ts';
import { readChanges } from '../../../src/sql/changes.ts';
import { layout } from '../../../src/sql/ddl.ts';
import { eraseUser, forgetConnection, readRows, readTraces, unbindAccount } from '../../../src/sql/forget.ts';
import { readLastChanges, readRejected } from '../../../src/sql/quarantine.ts';
import { writeRefs } from '../../../src/sql/refs.ts';
import { countSurplus, refillColumns, removeSurplus } from '../../../src/sql/repair.ts';
import { readLostRows, restoreUsers } from '../../../src/sql/restore.ts';
import { type Retiring, retireRejected, retireRuns } from '../../../src/sql/retention.ts';
import { writeRuns } from '../../../src/sql/runs.ts';
import * as state from '../../../src/sql/state.ts';
import { readUsers } from '../../../src/sql/users.ts';
import { views } from '../../../src/sql/views.ts';
import { writeWrites } from '../../../src/sql/writes.ts';
import { bigqueryDialect } from '../../../src/warehouses/bigquery-dialect.ts';
import { inlined, transactionText } from '../../../src/warehouses/bigquery-script.ts';
import { type Analyzer, startAnalyzer } from './analyzer.ts';

const DATASET = 'acme-project.people';
const STAGING = `${DATASET}.rollcall_stage_e1_7_aa`;
const d = bigqueryDialect('acme-project', 'people');
const NASTY = 'o\'hara \\ "x" ? `y`\n';

const FACTS: BatchFacts = {
  connection: 'crm',
  source: 'plain',
  epoch: 'e1',
  seq: 7,
  batch_id: 'e1-7-aa',
  recipe: 'r1',
  account: NASTY,
  run_id: 'run-7',
  recorded_at: '2026-11-01T10:00:00.000000Z',
  ops: new Set(),
  onlyNew: false,
};

const RUN: Run = {
  run_id: 'run-1',
  connection: 'crm',
  source: 'plain',
  kind: 'sync',
  trigger: 'command',
  outcome: null,
  scheduled_at: null,
  started_at: '2026-11-01T10:00:00.000000Z',
  finished_at: null,
  counts: noCounts(),
  kept: { unproven: 0, inactive: 0 },
  warnings: [],
  usage: { rows: 1, bytes: 2, bytes_billed: 3, slot_ms: 4, jobs: ['a'] },
  error: { kind: 'auth', step: '', message: NASTY, retryable: false },
};

const WRITE: WriteEntry = {
  write_id: 'w1',
  key: 'k1',
  before: [],
  user_id: NASTY,
  op: 'update',
  changes: { name: ['Ada', NASTY] },
  outcome: 'applied',
  requested_at: '2026-11-01T10:00:00.000000Z',
  answered_at: '2026-11-01T10:00:01.000000Z',
  actor: 'ada@host',
  response_status: 200,
  error: null,
};

const retired = ({ count, remove }: Retiring): Statement[] => [count, remove];

const EVERY_OP = ['upsert', 'delete', 'purge', 'reject', 'replayed', 'refs', 'roles', 'role', 'team'];

/** What a batch may hold: each kind of line alone, all together; with and without users to be refused or repeated. */
function batches(): Statement[] {
  const staged = [false, true].flatMap((refused) => [false, true].map((repeated) => ({ refused, repeated })));
  const kinds = [...EVERY_OP.map((op) => [op]), EVERY_OP];
  return kinds.flatMap((ops) =>
    [false, true].flatMap((onlyNew) =>
      staged.flatMap((seen) => {
        const facts = { ...FACTS, ops: new Set(ops), onlyNew };
        const { fence, steps } = applyScript(d, facts, { staging: `\`${STAGING}\``, ...seen, extra: [] });
        return [fence, ...steps];
      }),
    ),
  );
}

const FROM = { epoch: 'e1', seq: 3, batch_id: '', recipe: 'r1', account: NASTY, updated_at: '' };
const CLAIM = { connection: 'crm', epoch: 'e2', recipe: 'r1', account: NASTY, at: FACTS.recorded_at, seq: 0 };

/** Every function of src/sql that renders statements, and what it renders. */
const RENDERED: Readonly<Record<string, readonly Statement[]>> = {
  applyScript: batches(),
  inspect: Object.values(inspect(d, FACTS, `\`${STAGING}\``)),
  layout: Object.values(sources).flatMap(({ name, fields }) => layout(d, name, fields)),
  views: views(d, 'plain', [
    { column: 'title', path: ['job', 'job title'], type: 'text', doc: '' },
    { column: 'locked', path: ['locked'], type: 'boolean', doc: '' },
    { column: 'logins', path: ['logins'], type: 'integer', doc: '' },
    { column: 'seen_at', path: ['seen_at'], type: 'timestamp', doc: '' },
    { column: 'tags', path: ['tags'], type: 'json', doc: '' },
  ]).map((sql) => ({ sql, params: [] })),
  writeRefs: writeRefs(
    d,
    { connection: 'crm', source: 'plain' },
    { staging: `\`${STAGING}\``, ops: new Set(EVERY_OP) },
  ),
  writeRuns: writeRuns(d, [RUN, { ...RUN, run_id: 'run-2', usage: null, error: null, outcome: 'ok' }]),
  writeWrites: writeWrites(d, 'crm', [WRITE, { ...WRITE, write_id: 'w2', response_status: null, answered_at: null }]),
  retireRuns: retired(retireRuns(d, ['crm', 'hr'], FACTS.recorded_at)),
  retireRejected: retired(retireRejected(d, ['crm'], FACTS.recorded_at)),
  restoreUsers: [restoreUsers(d, 'crm', '1.1.2e5c')],
  readLostRows: [readLostRows(d, 'crm')],
  readRejected: [readRejected(d, 'crm', 10, true), readRejected(d, 'crm', 10, false)],
  readLastChanges: [readLastChanges(d, 'crm', ['u1', 'u2'])],
  ledgerColumns: [{ sql: `select ${state.ledgerColumns(d)} from ${d.table('users')}`, params: [] }],
  readUsers: [readUsers(d, 'crm', ['u1', NASTY])],
  readChanges: [readChanges(d, FACTS.recorded_at, 'crm'), readChanges(d, FACTS.recorded_at, null)],
  eraseUser: eraseUser(d, 'crm', NASTY),
  forgetConnection: forgetConnection(d, 'crm'),
  readTraces: [readTraces(d, 'crm', NASTY)],
  readRows: [readRows(d, 'crm')],
  countSurplus: [countSurplus(d, 'crm')],
  removeSurplus: removeSurplus(d, 'crm'),
  refillColumns: ['name', 'seq'].flatMap((column) =>
    refillColumns(
      d,
      [
        { table: 'users', column },
        { table: 'rollcall_state', column: 'seq' },
      ],
      'e2',
    ),
  ),
  unbindAccount: [unbindAccount(d, 'crm')],
  claim: [state.claim(d, { ...CLAIM, from: null }).fence, state.claim(d, { ...CLAIM, from: FROM }).fence],
  countOwners: [state.countOwners(d, 'crm')],
  countRows: [state.countRows(d, 'crm')],
  dropClaim: [state.dropClaim(d, 'crm', 'e2')],
  readInactive: [state.readInactive(d, 'crm', ['u1', 'u2'])],
  readLastLogged: [state.readLastLogged(d, 'crm')],
  readLedgerRows: [state.readLedgerRows(d, 'crm')],
  readState: [state.readState(d, 'crm')],
};

/** The functions of src/sql, which all render statements. */
async function renderers(): Promise<string[]> {
  const files = readdirSync(new URL('../../../src/sql', import.meta.url));
  const names = files.map((file) => file.slice(0, -3));
  const modules: object[] = await Promise.all(names.map((name) => import(`../../../src/sql/${name}.ts`)));
  const exported = modules.flatMap((module) => Object.entries(module));
  const functions = exported.filter(([, value]) => typeof value === 'function').map(([name]) => name);
  // These render nothing, or a part that the statements of batches have.
  return functions.filter((name) => !['stateRowOf', 'viewNames', 'lacking', 'typedLines', 'plain'].includes(name));
}

let analyzer: Analyzer;

beforeAll(async () => {
  analyzer = await startAnalyzer(DATASET, [STAGING]);
});

afterAll(() => analyzer.stop());

async function problems(statements: readonly Statement[]): Promise<string[]> {
  const found = new Set<string>();
  for (const { sql, params } of statements) {
    const problem = await analyzer.problem(sql, params);
    if (problem !== null) found.add(`${problem}\n${sql}`);
  }
  return [...found];
}

describe('the GoogleSQL analyzer', () => {
  test('finds what is wrong', async () => {
    const users = `\`${DATASET}.users\``;
    expect(await analyzer.problem(`select nmae from ${users}`)).toMatch(/Unrecognized name: nmae/);
    expect(await analyzer.problem(`insert into ${users} (created_at) select 'x'`)).toMatch(
      /type STRING which cannot be/,
    );
    expect(await analyzer.problem('select no_such_function(1)')).toMatch(/Function not found/);
    expect(await analyzer.problem(`select raw = raw from ${users}`)).toMatch(/JSON/);
  });

  test('is asked for every function that renders statements', async () => {
    expect(Object.keys(RENDERED).toSorted()).toEqual((await renderers()).toSorted());
  });

  test.each(Object.entries(RENDERED))('accepts the statements of %s as they are bound', async (_name, statements) => {
    expect(statements.length).toBeGreaterThan(0);
    expect(await problems(statements)).toEqual([]);
  });

  test.each(Object.entries(RENDERED))(
    'accepts the statements of %s with their parameters written in',
    async (_name, all) => {
      expect(await problems(all.map((statement) => ({ sql: inlined(statement), params: [] })))).toEqual([]);
    },
  );

  test('accepts the queries of the documentation', async () => {
    const text = readFileSync(new URL('../../../docs/warehouses/bigquery.md', import.meta.url), 'utf8');
    const queries = [...text.matchAll(/^```googlesql\n([\s\S]*?)^```$/gm)].map(([, sql = '']) => ({ sql, params: [] }));
    expect(queries.length).toBeGreaterThan(2);
    expect(await problems(queries)).toEqual([]);
  });

  test('accepts every line of a transaction, and the condition of its fence', async () => {
    const script = applyScript(
      d,
      { ...FACTS, ops: new Set(EVERY_OP) },
      { staging: `\`${STAGING}\``, refused: true, repeated: true, extra: [] },
    );
    const lines = transactionText(script)
      .split(';\n')
      .filter((line) => line !== '');
    const fence = lines.find((line) => line.startsWith('IF '));
    const [, condition = ''] =
      /^IF (.*?) THEN ROLLBACK TRANSACTION; RAISE USING MESSAGE = '[^']+'; END IF$/.exec(fence ?? '') ?? [];
    const statements = [...lines.filter((line) => line !== fence), `SELECT ${condition}`];
    expect(await problems(statements.map((sql) => ({ sql, params: [] })))).toEqual([]);
  });
});
