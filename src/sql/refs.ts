import type { Dialect } from '../contract/dialect.ts';
import type { Statement } from '../contract/warehouse.ts';
import { ROLES, TEAMS } from './tables.ts';

/** Where a listing's columns stand in a staged line, and after which lines a listing of it stands. */
const LISTINGS = [
  { table: ROLES, op: 'role', after: ['refs', 'roles'], own: { role_id: ['id'], name: ['name'], slug: ['slug'] } },
  { table: TEAMS, op: 'team', after: ['refs'], own: { team_id: ['id'], name: ['name'] } },
] as const;

/** Where a batch's lines are, and of which kinds. */
export interface StagedRefs {
  readonly staging: string;
  readonly ops: ReadonlySet<string>;
}

/** Replaces the connection's roles and teams by the newest listing in the batch; what it does not list stays. */
export function writeRefs(
  d: Dialect,
  { connection, source }: { readonly connection: string; readonly source: string },
  { staging, ops }: StagedRefs,
): Statement[] {
  const place = (row: string): string => d.tryCast(`${row}.${d.name('n')}`, 'integer');
  const raw = d.tryCast(`s.${d.name('raw')}`, 'json');
  return LISTINGS.flatMap(({ table, op, after, own }) => {
    const heads = after.filter((head) => ops.has(head)).map((head) => `'${head}'`);
    if (heads.length === 0) return [];
    const start = `(select max(${place('m')}) from ${staging} m where m.${d.name('op')} in (${heads.join(', ')}))`;
    const value = (name: string): string => {
      if (name === 'connection') return d.literal(connection);
      if (name === 'source') return d.literal(source);
      if (name === 'raw') return raw;
      if (name === 'users') return d.jsonAt(raw, ['users']);
      const path: readonly string[] | undefined = Object.entries(own).find(([column]) => column === name)?.[1];
      return d.jsonText(raw, path ?? [name]);
    };
    const names = table.columns.map(({ name }) => d.name(name)).join(', ');
    const row = table.columns.map(({ name }) => value(name)).join(', ');
    return [
      { sql: `delete from ${d.table(table.name)} where ${d.name('connection')} = ?`, params: [connection] },
      {
        sql:
          `insert into ${d.table(table.name)} (${names}) select ${row} from ${staging} s ` +
          `where s.${d.name('op')} = '${op}' and ${place('s')} > ${start}`,
        params: [],
      },
    ];
  });
}
