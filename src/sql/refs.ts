import type { Dialect } from '../contract/dialect.ts';
import type { Statement } from '../contract/warehouse.ts';
import { ROLES, TEAMS } from './tables.ts';

/** Where a listing's columns stand in a staged line. */
const LISTINGS = [
  { table: ROLES, op: 'role', own: { role_id: ['id'], name: ['name'], slug: ['slug'] } },
  { table: TEAMS, op: 'team', own: { team_id: ['id'], name: ['name'] } },
] as const;

/** Replaces the connection's roles and teams by the newest listing in the batch. */
export function writeRefs(d: Dialect, connection: string, source: string, staging: string): Statement[] {
  const place = (row: string): string => d.tryCast(`${row}.${d.name('n')}`, 'integer');
  const start = `(select max(${place('m')}) from ${staging} m where m.${d.name('op')} = 'refs')`;
  const raw = d.tryCast(`s.${d.name('raw')}`, 'json');
  return LISTINGS.flatMap(({ table, op, own }) => {
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
