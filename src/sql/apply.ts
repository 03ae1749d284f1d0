import type { ColumnType, Dialect } from '../contract/dialect.ts';
import { LISTED } from '../contract/effects.ts';
import type { Script, Statement } from '../contract/warehouse.ts';
import { plain } from './plain.ts';
import { RECORD_COLUMNS, REJECTED_RECORDS, USER_CHANGES, USERS } from './tables.ts';
import { typedLines } from './typed.ts';

/** What is the same for every row of a batch. */
export interface BatchFacts {
  readonly connection: string;
  readonly source: string;
  readonly epoch: string;
  readonly seq: number;
  readonly batch_id: string;
  readonly recipe: string;
  readonly account: string;
  readonly run_id: string;
  readonly recorded_at: string;
  /** The kinds of line that the batch holds; statements for others are left out. */
  readonly ops: ReadonlySet<string>;
  /** The ledger knows of no row for any user of the batch: a plain INSERT will do, without reading the rows that are there. */
  readonly onlyNew: boolean;
}

/** Renders one batch's statements. */
interface Writer {
  readonly d: Dialect;
  readonly facts: BatchFacts;
  readonly staging: string;
  lit(text: string): string;
  readonly at: string;
  readonly staged: StagedFacts;
}

/** What was seen of the staged lines before the transaction. */
export interface StagedFacts {
  /** Some users' values do not convert. */
  readonly refused: boolean;
  /** Some users have more than one line. */
  readonly repeated: boolean;
}

/** Before anything was seen: everything may be. */
const UNSEEN: StagedFacts = { refused: true, repeated: true };

function writer(d: Dialect, facts: BatchFacts, staging: string, staged: StagedFacts): Writer {
  return { d, facts, staging, staged, lit: d.literal, at: d.tryCast(d.literal(facts.recorded_at), 'timestamp') };
}

/** A staged text as its column's type. */
function cast(w: Writer, column: string, type: ColumnType): string {
  const staged = `s.${w.d.name(column)}`;
  return type === 'text' ? staged : w.d.tryCast(staged, type);
}

/** Staged values that do not convert; such a row is quarantined, not loaded. */
function unsound(w: Writer): { column: string; test: string }[] {
  return RECORD_COLUMNS.filter((column) => column.type !== 'text').map(({ name, type }) => ({
    column: name,
    test: `(s.${w.d.name(name)} is not null and ${cast(w, name, type)} is null)`,
  }));
}

/** The newest staged line of each user; where each has but one, nothing needs to be ranked. */
function newest(w: Writer): string {
  const { d } = w;
  const users = `${d.name('op')} in ('upsert', 'delete', 'purge')`;
  if (!w.staged.repeated) return `(select * from ${w.staging} where ${users})`;
  const order = `row_number() over (partition by ${d.name('user_id')} order by ${d.tryCast(d.name('n'), 'integer')} desc)`;
  const lines = `select l.*, ${order} as ${d.name('newest')} from ${w.staging} l where ${users}`;
  return `(select * from (${lines}) r where ${d.name('newest')} = 1)`;
}

const bad = (w: Writer): string =>
  unsound(w)
    .map((column) => column.test)
    .join(' or ');

/** The newest line of each user that converts; where all do, that is not asked of each again. */
const loadable = (w: Writer): string =>
  w.staged.refused ? `(select s.* from ${newest(w)} s where not (${bad(w)}))` : newest(w);

const content = (w: Writer, row: string): string =>
  w.d.before(w.d.after(`${row}.${w.d.name('fingerprint')}`, ':'), LISTED);

const recipe = (w: Writer, row: string): string => w.d.before(`${row}.${w.d.name('fingerprint')}`, ':');

/** Another content under the same recipe. A new recipe makes another content of the same record: that is not logged. */
function contentDiffers(w: Writer): string {
  const { differs } = w.d;
  return `(not ${differs(recipe(w, 't'), recipe(w, 's'), 'text')} and ${differs(content(w, 't'), content(w, 's'), 'text')})`;
}

function op(w: Writer): string {
  const { d } = w;
  const [known, deleted] = [`t.${d.name('user_id')} is not null`, `t.${d.name('deleted_at')}`];
  return (
    `case when t.${d.name('seq')} >= ${w.facts.seq} then null when s.${d.name('op')} <> 'upsert' then case when ${known} and ${deleted} is null then 'delete' end ` +
    `when not (${known}) then 'insert' when ${deleted} is not null then 'restore' ` +
    `when ${contentDiffers(w)} then 'update' end`
  );
}

function fieldDiffers(w: Writer, name: string, type: ColumnType): string {
  const [old, fresh] = [`t.${w.d.name(name)}`, cast(w, name, type)];
  if (name !== 'avatar_url') return w.d.differs(old, fresh, type);
  return w.d.differs(w.d.before(old, '?'), w.d.before(fresh, '?'), 'text');
}

/** Names of the columns that differ; `raw` only where no other column shows the change. */
function changedFields(w: Writer): string {
  const compared = `t.${w.d.name('user_id')} is not null and s.${w.d.name('op')} = 'upsert'`;
  const mapped = RECORD_COLUMNS.filter((column) => column.name !== 'raw').map(({ name, type }) => ({
    name,
    differs: fieldDiffers(w, name, type),
  }));
  const names = mapped.map(({ name, differs }) => `case when ${compared} and ${differs} then '${name}' end`);
  const none = mapped.map(({ differs }) => differs).join(' or ');
  const raw = `case when ${compared} and ${contentDiffers(w)} and not (${none}) then 'raw' end`;
  return w.d.jsonArray([...names, raw]);
}

/** The value of a logged column: a deletion logs the row as it was, a removal the keys alone. */
function logged(w: Writer, name: string, type: ColumnType): string {
  const ofOp = `s.${w.d.name('op')}`;
  return `case ${ofOp} when 'upsert' then ${cast(w, name, type)} when 'delete' then t.${w.d.name(name)} end`;
}

/** The change log, written before the MERGE from the rows as they were. */
function log(w: Writer): Statement {
  const { d, facts, lit } = w;
  const values: Record<string, string> = {
    op: op(w),
    recorded_at: w.at,
    changed_fields: changedFields(w),
    connection: lit(facts.connection),
    source: lit(facts.source),
    user_id: `s.${d.name('user_id')}`,
    first_seen_at: `coalesce(t.${d.name('first_seen_at')}, ${w.at})`,
    changed_at: w.at,
    deleted_at: `case when s.${d.name('op')} = 'upsert' then null else ${w.at} end`,
    fingerprint: logged(w, 'fingerprint', 'text'),
    seq: String(facts.seq),
    run_id: lit(facts.run_id),
  };
  const columns = USER_CHANGES.columns;
  const row = columns.map(({ name, type }) => `${values[name] ?? logged(w, name, type)} as ${d.name(name)}`);
  const names = columns.map(({ name }) => d.name(name)).join(', ');
  return plain(
    `insert into ${d.table(USER_CHANGES.name)} (${names}) select * from (select ${row.join(', ')} from ${loadable(w)} s ` +
      `left join ${d.table(USERS.name)} t on t.${d.name('connection')} = ${lit(facts.connection)} ` +
      `and t.${d.name('user_id')} = s.${d.name('user_id')}) c where ${d.name('op')} is not null`,
  );
}

function merge(w: Writer): Statement {
  const { d, facts, lit } = w;
  const stamp = { seq: String(facts.seq), run_id: lit(facts.run_id) };
  const changedAt = `case when t.${d.name('deleted_at')} is not null or ${contentDiffers(w)} then ${w.at} else t.${d.name('changed_at')} end`;
  const record = Object.fromEntries(RECORD_COLUMNS.map(({ name }) => [name, `s.${d.name(name)}`]));
  const fingerprint = `s.${d.name('fingerprint')}`;
  const updated = { ...record, changed_at: changedAt, deleted_at: 'null', fingerprint, ...stamp };
  const deleted = { changed_at: w.at, deleted_at: w.at, ...stamp };
  const inserted = { ...newRow(w), ...record };
  const set = (values: Record<string, string>): string =>
    Object.entries(values)
      .map(([name, value]) => `${d.name(name)} = ${value}`)
      .join(', ');
  const older = `t.${d.name('seq')} < ${facts.seq} and s.${d.name('op')}`;
  return plain(
    `merge into ${d.table(USERS.name)} t using ${typedLines(d, loadable(w), (column, type) => cast(w, column, type))} s on t.${d.name('connection')} = ${lit(facts.connection)} ` +
      `and t.${d.name('user_id')} = s.${d.name('user_id')} ` +
      (facts.ops.has('purge') ? `when matched and ${older} = 'purge' then delete ` : '') +
      (facts.ops.has('delete')
        ? `when matched and ${older} = 'delete' and t.${d.name('deleted_at')} is null then update set ${set(deleted)} `
        : '') +
      `when matched and ${older} = 'upsert' then update set ${set(updated)} ` +
      `when not matched and s.${d.name('op')} = 'upsert' then insert (${Object.keys(inserted).map(d.name).join(', ')}) ` +
      `values (${Object.values(inserted).join(', ')})`,
  );
}

/** Users who have no row yet. Were there one after all, it would stay as it is: the key is looked for, nothing else. */
function unknownOnly(w: Writer): string {
  const { d, facts, lit } = w;
  return (
    `not exists (select 1 from ${d.table(USERS.name)} t where t.${d.name('connection')} = ${lit(facts.connection)} ` +
    `and t.${d.name('user_id')} = s.${d.name('user_id')})`
  );
}

/** The row of a new user. */
function newRow(w: Writer): Record<string, string> {
  const { d, facts, lit } = w;
  return {
    connection: lit(facts.connection),
    source: lit(facts.source),
    user_id: `s.${d.name('user_id')}`,
    ...Object.fromEntries(RECORD_COLUMNS.map(({ name, type }) => [name, cast(w, name, type)])),
    first_seen_at: w.at,
    changed_at: w.at,
    deleted_at: w.d.tryCast('null', 'timestamp'),
    fingerprint: `s.${d.name('fingerprint')}`,
    seq: String(facts.seq),
    run_id: lit(facts.run_id),
  };
}

/** The log and the rows of a batch that holds new users only: nothing of the rows that are there needs to be read. */
function insertNew(w: Writer): Statement[] {
  const { d } = w;
  const row = newRow(w);
  const logged = { op: "'insert'", recorded_at: w.at, changed_fields: d.jsonArray([]), ...row };
  const insert = (table: string, values: Record<string, string>): Statement =>
    plain(
      `insert into ${d.table(table)} (${Object.keys(values).map(d.name).join(', ')}) select ${Object.values(values).join(', ')} ` +
        `from ${loadable(w)} s where s.${d.name('op')} = 'upsert' and ${unknownOnly(w)}`,
    );
  return [insert(USER_CHANGES.name, logged), insert(USERS.name, row)];
}

/** Quarantine: records that the engine refused, and rows whose values the warehouse cannot convert; once a payload. */
function quarantine(w: Writer): Statement {
  const { d, facts, lit } = w;
  const column = (name: string): string => `s.${d.name(name)}`;
  const why = unsound(w).map(
    ({ column: name, test }) => `when ${test} then '${name}: the warehouse cannot convert this value'`,
  );
  const hash = `coalesce(${column('payload_hash')}, ${d.after(column('fingerprint'), ':')})`;
  const lines = `(select * from ${w.staging} where ${d.name('op')} = 'reject')`;
  const pick = (from: string, reason: string, where: string): string =>
    `select distinct ${lit(facts.connection)}, ${lit(facts.source)}, ${lit(facts.run_id)}, ${d.tryCast(column('page'), 'integer')}, ` +
    `${column('user_id')}, ${reason}, ${column('raw')}, ${hash}, ${w.at}, ${d.tryCast('null', 'timestamp')} from ${from} s ` +
    `where ${where} and not exists (select 1 from ${d.table(REJECTED_RECORDS.name)} x where x.${d.name('connection')} = ` +
    `${lit(facts.connection)} and x.${d.name('payload_hash')} = ${hash})`;
  const refused = pick(lines, column('reason'), 'true');
  const unconverted = pick(newest(w), `case ${why.join(' ')} end`, `(${bad(w)})`);
  const names = REJECTED_RECORDS.columns.map(({ name }) => d.name(name)).join(', ');
  return plain(`insert into ${d.table(REJECTED_RECORDS.name)} (${names}) ${refused} union all ${unconverted}`);
}

/** Marks quarantined records that this batch loads; one whose row is refused once more stays as it was. */
function markReplayed(w: Writer, refused: boolean): Statement {
  const { d, facts, lit } = w;
  const hashes = `select ${d.name('payload_hash')} from ${w.staging} where ${d.name('op')} = 'replayed'`;
  const again = `select s.${d.name('user_id')} from ${newest(w)} s where ${bad(w)}`;
  const taken = refused ? ` and (${d.name('user_id')} is null or ${d.name('user_id')} not in (${again}))` : '';
  return plain(
    `update ${d.table(REJECTED_RECORDS.name)} set ${d.name('replayed_at')} = ${w.at} where ${d.name('connection')} = ${lit(facts.connection)} ` +
      `and ${d.name('replayed_at')} is null and ${d.name('payload_hash')} in (${hashes})${taken}`,
  );
}

/** The fence: exactly one row, or the lease is lost or the batch was applied already. */
function fence(w: Writer): Statement {
  const { d, facts, lit } = w;
  const set = `${d.name('seq')} = ${facts.seq}, ${d.name('batch_id')} = ${lit(facts.batch_id)}, ${d.name('recipe')} = ${lit(facts.recipe)}, ${d.name('account')} = ${lit(facts.account)}, ${d.name('updated_at')} = ${w.at}`;
  return plain(
    `update ${d.table('rollcall_state')} set ${set} where ${d.name('connection')} = ${lit(facts.connection)} ` +
      `and ${d.name('epoch')} = ${lit(facts.epoch)} and ${d.name('seq')} = ${facts.seq - 1}`,
  );
}

/** Rows of staging, how many of them repeat a user, and users whose newest line does not convert; read before the transaction. */
export function inspect(d: Dialect, facts: BatchFacts, staging: string): { lines: Statement; refused: Statement } {
  const w = writer(d, facts, staging, UNSEEN);
  const user = `case when ${d.name('op')} in ('upsert', 'delete', 'purge') then ${d.name('user_id')} end`;
  return {
    lines: plain(
      `select count(*) as ${d.name('lines')}, count(case when ${d.name('op')} = 'upsert' and (${bad(w)}) then 1 end) as ${d.name('bad')}, ` +
        `count(${user}) - count(distinct ${user}) as ${d.name('repeats')} from ${staging} s`,
    ),
    refused: plain(`select s.${d.name('user_id')} from ${newest(w)} s where ${bad(w)}`),
  };
}

/** A staged batch: where its lines are, what was seen of them, and what else its transaction does. */
export interface StagedBatch extends StagedFacts {
  readonly staging: string;
  readonly extra: readonly Statement[];
}

/** The one transaction of a batch, in the order that exactly-once effects need. */
export function applyScript(d: Dialect, facts: BatchFacts, batch: StagedBatch): Script {
  const w = writer(d, facts, batch.staging, batch);
  const users = ['upsert', 'delete', 'purge'].some((kind) => facts.ops.has(kind));
  const changes = facts.onlyNew ? insertNew(w) : [log(w), merge(w)];
  const rejects = batch.refused || facts.ops.has('reject');
  return {
    id: facts.batch_id,
    fence: fence(w),
    steps: [
      ...(users ? changes : []),
      ...(rejects ? [quarantine(w)] : []),
      ...(facts.ops.has('replayed') ? [markReplayed(w, batch.refused)] : []),
      ...batch.extra,
    ],
  };
}
