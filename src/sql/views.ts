import type { Dialect } from '../contract/dialect.ts';
import type { Field } from '../contract/source.ts';
import { RECORD_COLUMNS } from './tables.ts';

function view(dialect: Dialect, name: string, select: string): string {
  return `create or replace view ${dialect.table(name)} as ${select}`;
}

function list(dialect: Dialect, names: readonly string[], of = ''): string {
  return names.map((name) => `${of}${dialect.name(name)}`).join(', ');
}

/** One row per version of a user: when it became true and when it stopped being so. A deletion ends a version. */
function history(d: Dialect): string {
  const columns = [
    'connection',
    'source',
    'user_id',
    'op',
    'changed_fields',
    ...RECORD_COLUMNS.map((column) => column.name),
    'seq',
    'run_id',
  ];
  const next = `lead(${d.name('recorded_at')}) over (partition by ${list(d, ['connection', 'user_id'])} order by ${d.name('seq')})`;
  const versions = `select ${list(d, columns)}, ${d.name('recorded_at')} as ${d.name('valid_from')}, ${next} as ${d.name('valid_to')} from ${d.table('user_changes')}`;
  return `select * from (${versions}) v where ${d.name('op')} <> 'delete'`;
}

/** One row per user and role. */
function userRoles(d: Dialect): string {
  const { from, element } = d.unnest(`${d.table('users')} u`, `u.${d.name('roles')}`);
  const role = (key: string): string => `${d.jsonText(element, [key])} as ${d.name(`role_${key}`)}`;
  const user = list(d, ['connection', 'source', 'user_id', 'email', 'name', 'active'], 'u.');
  return `select ${user}, ${role('id')}, ${role('name')}, ${role('slug')} from ${from} where u.${d.name('deleted_at')} is null`;
}

/** One row per person: accounts with the same primary address are one, an account without an address is its own. */
function people(d: Dialect): string {
  const value = (name: string): readonly [string, string] => [name, d.name(name)];
  const accounts = d.jsonObjects(
    [
      value('connection'),
      value('source'),
      value('user_id'),
      value('name'),
      value('active'),
      ['deleted_at', d.instant(d.name('deleted_at'))],
      value('roles'),
    ],
    list(d, ['connection', 'user_id']),
  );
  const alone = `case when ${d.name('email')} is null then concat(${d.name('connection')}, '/', ${d.name('user_id')}) end`;
  return (
    `select ${d.name('email')}, min(${d.name('name')}) as ${d.name('name')}, ${accounts} as ${d.name('accounts')}, ` +
    `count(*) as ${d.name('account_count')} from (select u.*, ${alone} as ${d.name('alone')} from ${d.table('users')} u) p ` +
    `group by ${list(d, ['email', 'alone'])}`
  );
}

/** The source's own fields, typed, beside the columns that all sources share. */
function ownView(d: Dialect, source: string, fields: readonly Field[]): string {
  const taken = new Set(RECORD_COLUMNS.map((column) => column.name));
  const own = fields
    .filter((field) => !taken.has(field.column))
    .map((field) => {
      const at = field.type === 'json' ? d.jsonAt(d.name('raw'), field.path) : d.jsonText(d.name('raw'), field.path);
      const typed = field.type === 'json' || field.type === 'text' ? at : d.tryCast(at, field.type);
      return `, ${typed} as ${d.name(field.column)}`;
    });
  const shared = RECORD_COLUMNS.filter((column) => column.name !== 'raw').map((column) => column.name);
  const ours = ['first_seen_at', 'changed_at', 'raw'];
  return (
    `select ${list(d, ['connection', 'user_id', ...shared])}${own.join('')}, ${list(d, ours)} from ${d.table('users')} ` +
    `where ${d.name('source')} = ${d.literal(source)} and ${d.name('deleted_at')} is null`
  );
}

/** The views of a connection's source by name: the shared ones and the source's own. */
function selects(d: Dialect, source: string, fields: readonly Field[]): Readonly<Record<string, string>> {
  return {
    current_users: `select * from ${d.table('users')} where ${d.name('deleted_at')} is null`,
    user_history: history(d),
    user_roles: userRoles(d),
    people: people(d),
    [`${source}_users`]: ownView(d, source, fields),
  };
}

/** Names of the views of a connection's source. */
export function viewNames(d: Dialect, source: string, fields: readonly Field[]): string[] {
  return Object.keys(selects(d, source, fields));
}

/** Statements that make them. */
export function views(d: Dialect, source: string, fields: readonly Field[]): string[] {
  return Object.entries(selects(d, source, fields)).map(([name, select]) => view(d, name, select));
}
