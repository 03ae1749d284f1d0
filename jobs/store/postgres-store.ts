import type { Pool } from 'pg';
import { WINDOW_MS } from '../../src/http/budget.ts';
import { type PatientQuery, patient } from './patient-pool.ts';
import type { Store } from './store.ts';

const SCHEMA = 'rollcall_queue';

/** Made by whoever comes first; the lock keeps two who come at once apart. */
const LAYOUT = `
begin;
select pg_advisory_xact_lock(hashtext('${SCHEMA}'));
create schema if not exists ${SCHEMA};
create table if not exists ${SCHEMA}.facts (
  kind text not null, name text not null, value text not null, primary key (kind, name)
);
create table if not exists ${SCHEMA}.locks (
  name text primary key, holder text not null, until timestamptz not null
);
create table if not exists ${SCHEMA}.budgets (
  bucket text primary key, spent timestamptz[] not null
);
create or replace function ${SCHEMA}.spend(asked text, room int, span interval) returns double precision
language plpgsql as $$
declare
  sent timestamptz[];
  now_at timestamptz;
begin
  insert into ${SCHEMA}.budgets (bucket, spent) values (asked, '{}') on conflict do nothing;
  -- The row's lock puts all who spend from this bucket in a line; the clock is read once it is had.
  select spent into sent from ${SCHEMA}.budgets where bucket = asked for update;
  now_at := clock_timestamp();
  -- Requests ahead of the clock are from before it was set back: they count as sent now.
  select coalesce(array_agg(least(at, now_at) order by at), '{}') into sent
    from unnest(sent) as at where at > now_at - span;
  if cardinality(sent) < room then
    update ${SCHEMA}.budgets set spent = sent || now_at where bucket = asked;
    return 0;
  end if;
  return greatest(1, extract(epoch from sent[cardinality(sent) - room + 1] + span - now_at) * 1000);
end $$;
commit;
`;

/** The store on Postgres, in a schema of its own beside the queue's. The pool is closed by who made it. */
export async function postgresStore(pool: Pool, prefix: string): Promise<Store> {
  await pool.query(LAYOUT);
  const query = patient(pool);
  const key = (name: string): string => `${prefix} ${name}`;
  return {
    budget: {
      spend: async (bucket, limit) => {
        if (limit === 0) return 0;
        const { rows } = await query<{ ms: number }>(
          `select ${SCHEMA}.spend($1, $2, $3 * interval '1 millisecond') as ms`,
          [key(bucket), limit, WINDOW_MS],
        );
        return Math.ceil(rows[0]?.ms ?? 0);
      },
    },
    all: async (kind) => {
      const { rows } = await query<{ name: string; value: string }>(
        `select name, value from ${SCHEMA}.facts where kind = $1`,
        [key(kind)],
      );
      return new Map(rows.map(({ name, value }) => [name, value]));
    },
    get: async (kind, name) => {
      const { rows } = await query<{ value: string }>(
        `select value from ${SCHEMA}.facts where kind = $1 and name = $2`,
        [key(kind), name],
      );
      return rows[0]?.value ?? null;
    },
    put: async (kind, name, text) => {
      if (text === null) {
        await query(`delete from ${SCHEMA}.facts where kind = $1 and name = $2`, [key(kind), name]);
        return;
      }
      await query(`insert into ${SCHEMA}.facts values ($1, $2, $3) on conflict (kind, name) do update set value = $3`, [
        key(kind),
        name,
        text,
      ]);
    },
    swap: async (kind, name, from, to) => {
      const changed =
        from === null
          ? await query(`insert into ${SCHEMA}.facts values ($1, $2, $3) on conflict do nothing`, [key(kind), name, to])
          : await query(`update ${SCHEMA}.facts set value = $4 where kind = $1 and name = $2 and value = $3`, [
              key(kind),
              name,
              from,
              to,
            ]);
      return changed.rowCount === 1;
    },
    ...locks(query, key),
    ping: async () => {
      await pool.query('select 1');
    },
    close: async () => undefined,
  };
}

function locks(query: PatientQuery, key: (name: string) => string): Pick<Store, 'take' | 'drop'> {
  const taken = async (lock: string, holder: string, ms: number): Promise<string | null> => {
    const { rowCount } = await query(
      `insert into ${SCHEMA}.locks as held values ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
       on conflict (name) do update set holder = excluded.holder, until = excluded.until
       where held.holder = excluded.holder or held.until <= clock_timestamp()`,
      [key(lock), holder, ms],
    );
    if (rowCount === 1) return null;
    const { rows } = await query<{ holder: string }>(`select holder from ${SCHEMA}.locks where name = $1`, [key(lock)]);
    return rows[0]?.holder ?? '';
  };
  return {
    take: taken,
    drop: async (lock, holder) => {
      await query(`delete from ${SCHEMA}.locks where name = $1 and holder = $2`, [key(lock), holder]);
    },
  };
}
