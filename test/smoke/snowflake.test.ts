import { expect, test } from 'vitest';
import { snowflake } from '../../src/warehouses/snowflake.ts';
import { gone, openDesk, recordedAt, upsert } from '../support/warehouses.ts';

const NEEDED = ['SNOWFLAKE_ACCOUNT', 'SNOWFLAKE_USER', 'SNOWFLAKE_WAREHOUSE', 'SNOWFLAKE_DATABASE'];

const OPTIONAL = {
  access_url: 'SNOWFLAKE_ACCESS_URL',
  role: 'SNOWFLAKE_ROLE',
  private_key: 'SNOWFLAKE_PRIVATE_KEY',
  private_key_passphrase: 'SNOWFLAKE_PRIVATE_KEY_PASSPHRASE',
  password: 'SNOWFLAKE_PASSWORD',
  token: 'SNOWFLAKE_TOKEN',
  oauth_token: 'SNOWFLAKE_OAUTH_TOKEN',
};

/** Options of the account that the environment names; a schema of this run's own. */
function optionsFromEnvironment(): Record<string, string> {
  const missing = NEEDED.filter((name) => (process.env[name] ?? '') === '');
  if (missing.length > 0)
    throw new Error(`set ${missing.join(', ')}, and a credential: see docs/warehouses/snowflake.md`);
  const [account = '', user = '', warehouse = '', database = ''] = NEEDED.map((name) => process.env[name] ?? '');
  const given = Object.entries(OPTIONAL).flatMap(([key, name]) => {
    const value = process.env[name] ?? '';
    return value === '' ? [] : [[key, value]];
  });
  return { account, user, warehouse, database, schema: `ROLLCALL_SMOKE_${Date.now()}`, ...Object.fromEntries(given) };
}

test('an account of the real service takes a check, batches, the fence, and gives rows back as they went in', async () => {
  const given = optionsFromEnvironment();
  const desk = await openDesk(snowflake, given);
  try {
    await desk.prepare();
    await desk.claim('e1');
    const raw = '{"id":"u1","n":12345678901234567890,"job":{"title":"Lead"},"tags":["a"]}';
    const created_at = '2026-02-03T04:05:06+01:00';
    await desk.apply([
      upsert('u1', { name: 'A "quoted" \\ name', raw, created_at }),
      upsert('u2'),
      upsert('u1', { name: 'Ada', raw, created_at }),
    ]);
    await desk.apply([
      upsert('u1', { name: 'Ada Park', raw, created_at }),
      gone('u2'),
      upsert('bad', { created_at: 'no time' }),
    ]);
    expect(await desk.apply([upsert('u3')], { seq: 2 })).toMatchObject({ result: 'fenced' });
    expect(await desk.rows('users', 'user_id')).toMatchObject([
      {
        user_id: 'u1',
        name: 'Ada Park',
        created_at: '2026-02-03T03:05:06.000000Z',
        changed_at: recordedAt(2),
        deleted_at: null,
      },
      { user_id: 'u2', deleted_at: recordedAt(2) },
    ]);
    const [user] = await desk.rows('users', 'user_id');
    expect(JSON.stringify(user?.raw)).toContain('12345678901234567890');
    const log = await desk.rows('user_changes', 'seq', 'user_id');
    expect(log.map((row) => `${row.op} ${row.user_id} ${JSON.stringify(row.changed_fields)}`)).toEqual([
      'insert u1 []',
      'insert u2 []',
      'update u1 ["name"]',
      'delete u2 []',
    ]);
    expect(await desk.rows('rejected_records', 'user_id')).toMatchObject([{ user_id: 'bad' }]);
    for (const view of ['current_users', 'user_history', 'user_roles', 'people', 'plain_users'])
      await expect(desk.read(`select * from ${desk.d.table(view)}`)).resolves.toBeInstanceOf(Array);
    expect(await desk.session().identity('crm')).toMatchObject({ rows: 2 });
    const context = { scratch: process.cwd(), signal: desk.signal, waiting: () => undefined };
    expect(await snowflake.check?.(snowflake.options.parse(given), context)).toHaveLength(3);
  } finally {
    await desk
      .session()
      .run([{ sql: `drop schema if exists "${given.database?.toUpperCase()}"."${given.schema}"`, params: [] }]);
  }
});
