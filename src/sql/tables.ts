import type { ColumnType } from '../contract/dialect.ts';

/** One column of a table. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

/** A table of ours; `key` is what rows are found by, and what they are clustered by where the warehouse does that. */
export interface Table {
  readonly name: string;
  readonly key: readonly string[];
  readonly columns: readonly Column[];
}

const of = (type: ColumnType, ...names: string[]): Column[] => names.map((name) => ({ name, type }));

/** What a source says of a user: the columns that a record fills and that `changed_fields` speaks of. */
export const RECORD_COLUMNS: readonly Column[] = [
  ...of('text', 'email'),
  ...of('json', 'emails'),
  ...of('text', 'name', 'first_name', 'last_name'),
  ...of('json', 'roles'),
  ...of('boolean', 'active'),
  ...of('text', 'availability', 'avatar_url'),
  ...of('timestamp', 'created_at', 'updated_at'),
  ...of('json', 'raw'),
];

const USER_COLUMNS: readonly Column[] = [
  ...of('text', 'connection', 'source', 'user_id'),
  ...RECORD_COLUMNS,
  ...of('timestamp', 'first_seen_at', 'changed_at', 'deleted_at'),
  ...of('text', 'fingerprint'),
  ...of('integer', 'seq'),
  ...of('text', 'run_id'),
];

export const USERS: Table = { name: 'users', key: ['connection', 'user_id'], columns: USER_COLUMNS };

export const USER_CHANGES: Table = {
  name: 'user_changes',
  key: ['connection', 'user_id'],
  columns: [...of('text', 'op'), ...of('timestamp', 'recorded_at'), ...of('json', 'changed_fields'), ...USER_COLUMNS],
};

export const ROLES: Table = {
  name: 'roles',
  key: ['connection', 'role_id'],
  columns: [...of('text', 'connection', 'source', 'role_id', 'name', 'slug'), ...of('json', 'raw')],
};

export const TEAMS: Table = {
  name: 'teams',
  key: ['connection', 'team_id'],
  columns: [...of('text', 'connection', 'source', 'team_id', 'name'), ...of('json', 'users', 'raw')],
};

export const USER_WRITES: Table = {
  name: 'user_writes',
  key: ['connection', 'user_id'],
  columns: [
    ...of('text', 'write_id', 'connection', 'user_id', 'op'),
    ...of('json', 'changes'),
    ...of('text', 'outcome'),
    ...of('timestamp', 'requested_at', 'answered_at'),
    ...of('text', 'actor'),
    ...of('integer', 'response_status'),
    ...of('text', 'error'),
  ],
};

/** The counts of a run, in the order of `--json`. */
export const COUNT_COLUMNS = [
  'pages',
  'requests',
  'seen',
  'inserted',
  'updated',
  'unchanged',
  'deleted',
  'restored',
  'rejected',
  'batches',
  'statements',
  'retries',
  'waited_ms',
  'duration_ms',
] as const;

export const SYNC_RUNS: Table = {
  name: 'sync_runs',
  key: ['connection', 'run_id'],
  columns: [
    ...of('text', 'run_id', 'connection', 'source', 'kind', 'trigger', 'outcome'),
    ...of('timestamp', 'scheduled_at', 'started_at', 'finished_at'),
    ...of('integer', ...COUNT_COLUMNS),
    ...of('json', 'usage'),
    ...of('text', 'error'),
  ],
};

export const REJECTED_RECORDS: Table = {
  name: 'rejected_records',
  key: ['connection', 'payload_hash'],
  columns: [
    ...of('text', 'connection', 'source', 'run_id'),
    ...of('integer', 'page'),
    ...of('text', 'user_id', 'reason', 'payload', 'payload_hash'),
    ...of('timestamp', 'rejected_at', 'replayed_at'),
  ],
};

export const STATE: Table = {
  name: 'rollcall_state',
  key: ['connection'],
  columns: [
    ...of('text', 'connection', 'epoch'),
    ...of('integer', 'seq'),
    ...of('text', 'batch_id', 'recipe', 'account'),
    ...of('timestamp', 'updated_at'),
  ],
};

/** Version of the tables' columns: part of every recipe. */
export const TABLES_VERSION = 1;

export const TABLES: readonly Table[] = [
  USERS,
  USER_CHANGES,
  ROLES,
  TEAMS,
  USER_WRITES,
  SYNC_RUNS,
  REJECTED_RECORDS,
  STATE,
];

/**
 * Columns of a staged line, all text: `n` is the line's place in the batch, `op` what it is (`upsert`, `delete` marks a
 * user gone, `purge` removes the row, `reject`, `replayed` marks a rejected record as loaded, `refs` begins the listings of `role` and `team` lines after it).
 */
export const STAGING_COLUMNS: readonly string[] = [
  'n',
  'op',
  'page',
  'user_id',
  ...RECORD_COLUMNS.map((column) => column.name),
  'fingerprint',
  'reason',
  'payload_hash',
];
