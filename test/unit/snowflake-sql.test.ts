import { Dialect, init, parse } from '@polyglot-sql/sdk';
import { beforeAll, describe, expect, test } from 'vitest';
import { noCounts, type Run } from '../../src/contract/run.ts';
import type { Statement, StateRow } from '../../src/contract/warehouse.ts';
import type { WriteEntry } from '../../src/contract/writes.ts';
import { applyScript, inspect } from '../../src/sql/apply.ts';
import { readChanges } from '../../src/sql/changes.ts';
import { layout } from '../../src/sql/ddl.ts';
import { eraseUser, forgetConnection, readTraces, unbindAccount } from '../../src/sql/forget.ts';
import { readLastChanges, readRejected } from '../../src/sql/quarantine.ts';
import { writeRefs } from '../../src/sql/refs.ts';
import { readLostRows, restoreUsers } from '../../src/sql/restore.ts';
import { writeRuns } from '../../src/sql/runs.ts';
import {
  claim,
  countOwners,
  countRows,
  dropClaim,
  readInactive,
  readLastLogged,
  readLedgerRows,
  readState,
} from '../../src/sql/state.ts';
import { readUsers } from '../../src/sql/users.ts';
import { writeWrites } from '../../src/sql/writes.ts';
import { snowflakeDialect } from '../../src/warehouses/snowflake-dialect.ts';
import { grantLines } from '../../src/warehouses/snowflake-grants.ts';
import { FIELDS } from '../support/warehouses.ts';

const d = snowflakeDialect({ database: 'analytics', schema: 'rollcall' });
const AT = '2026-11-01T10:01:00.000000Z';
const STATE: StateRow = { epoch: 'e1', seq: 3, batch_id: 'e1-3-aa', recipe: 'r1', account: 'acme', updated_at: AT };
const FACTS = {
  connection: 'crm',
  source: 'plain',
  epoch: 'e1',
  seq: 4,
  batch_id: 'e1-4-aa',
  recipe: 'r1',
  account: 'acme',
  run_id: 'run-4',
  recorded_at: AT,
  ops: new Set(['upsert', 'delete', 'purge', 'reject', 'replayed', 'refs']),
};
const RUN: Run = {
  run_id: 'run-4',
  connection: 'crm',
  source: 'plain',
  kind: 'sync',
  trigger: 'command',
  outcome: 'ok',
  scheduled_at: null,
  started_at: AT,
  finished_at: AT,
  counts: noCounts(),
  kept: { unproven: 0, inactive: 0 },
  warnings: [],
  usage: { rows: 1, bytes: 2, bytes_billed: 0, slot_ms: 0, jobs: ['q1'] },
  error: null,
};

const WRITE: WriteEntry = {
  write_id: 'w1',
  key: 'k1',
  before: [],
  user_id: 'u1',
  op: 'update',
  changes: { name: ['Ada', 'Bea'] },
  outcome: 'applied',
  requested_at: AT,
  answered_at: AT,
  actor: 'ada@host',
  response_status: 200,
  error: null,
};

function scripts(): Statement[] {
  const staging = d.table('stage_e1_4_aa');
  const claims = [null, STATE].map((from) =>
    claim(d, { connection: 'crm', epoch: 'e2', recipe: 'r1', account: 'acme', at: AT, from, seq: 0 }),
  );
  const batches = [true, false].flatMap((one) =>
    [true, false].map((onlyNew) =>
      applyScript(d, { ...FACTS, onlyNew }, { staging, refused: one, repeated: one, extra: [] }),
    ),
  );
  const seen = inspect(d, { ...FACTS, onlyNew: false }, staging);
  return [...claims, ...batches]
    .flatMap(({ fence, steps }) => [fence, ...steps])
    .concat(seen.lines, seen.refused, [
      ...writeRefs(d, { connection: 'crm', source: 'plain' }, { staging, ops: FACTS.ops }),
    ]);
}

const ALL: readonly (readonly [what: string, statements: readonly Statement[]])[] = [
  ['tables and views', layout(d, 'plain', FIELDS)],
  ['batches and claims', scripts()],
  ['runs', writeRuns(d, [RUN, { ...RUN, run_id: 'run-5' }])],
  ['writes', writeWrites(d, 'crm', [WRITE, { ...WRITE, write_id: 'w2', response_status: null }])],
  [
    'reading',
    [
      readState(d, 'crm'),
      readLedgerRows(d, 'crm'),
      countRows(d, 'crm'),
      countOwners(d, 'crm'),
      readLastLogged(d, 'crm'),
      readInactive(d, 'crm', ['u1', 'u2']),
      readUsers(d, 'crm', ['u1']),
      readChanges(d, AT, 'crm'),
      readTraces(d, 'crm', 'u1'),
      readRejected(d, 'crm', 10, true),
      readLastChanges(d, 'crm', ['u1', 'u2']),
      readLostRows(d, 'crm'),
    ],
  ],
  [
    'mending and forgetting',
    [
      restoreUsers(d, 'crm', '1.1.rules'),
      dropClaim(d, 'crm', 'e2'),
      unbindAccount(d, 'crm'),
      ...forgetConnection(d, 'crm'),
      ...eraseUser(d, 'crm', 'u1'),
    ],
  ],
];

/** What an independent parser of Snowflake's SQL says against a statement; null where it takes it. */
const objection = (sql: string): string | null => {
  const { success, error } = parse(sql, Dialect.Snowflake);
  return success ? null : `${error}: ${sql}`;
};

beforeAll(() => init());

describe('an independent parser of Snowflake’s SQL takes', () => {
  test.each(ALL)('%s', (_what, statements) => {
    expect(statements.length).toBeGreaterThan(0);
    expect(statements.map(({ sql }) => objection(sql)).filter((found) => found !== null)).toEqual([]);
  });

  test('the grants', () => {
    const statements = grantLines(null).filter((line) => !line.startsWith('--'));
    expect(statements.length).toBeGreaterThan(8);
    expect(statements.map((sql) => objection(sql)).filter((found) => found !== null)).toEqual([]);
  });
});

describe('Snowflake’s SQL', () => {
  test('names every table in full, quoted and in upper case', () => {
    expect(d.table('users')).toBe('"ANALYTICS"."ROLLCALL"."USERS"');
    expect(snowflakeDialect({ database: '"my db"', schema: 'my-schema' }).table('users')).toBe(
      '"my db"."my-schema"."USERS"',
    );
  });

  test('casts a parameter without TRY_CAST, which takes texts alone', () => {
    expect((['integer', 'timestamp', 'json'] as const).map((type) => d.tryCast('?', type))).toEqual([
      'CAST(? AS NUMBER(38, 0))',
      'CAST(? AS TIMESTAMP_TZ)',
      'PARSE_JSON(?)',
    ]);
  });

  test('escapes backslashes and quotes in literals', () => {
    expect(d.literal(`it's a \\ path`)).toBe(`'it''s a \\\\ path'`);
  });
});
