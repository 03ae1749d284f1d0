import { describe, expect, test } from 'vitest';
import { expectOneLine, type Home, json, makeHome, type Row } from '../support/cli.ts';
import { start } from '../support/pylon.ts';

async function loaded(): Promise<Home> {
  const home = makeHome(await start({ users: 25, seed: 2 }));
  expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok' });
  return home;
}

const asked = async (home: Home, sql: string): Promise<Row[]> =>
  json<Row[]>((await home.run(['query', '--json', sql])).stdout);

describe('rollcall query', () => {
  test('prints RFC 3339 times, parsed JSON, and integers that JavaScript cannot hold as text', async () => {
    const home = await loaded();
    const rows = await asked(
      home,
      `select user_id, emails, roles, raw, deleted_at, first_seen_at, 9007199254740993 as large, 42 as small,
       true as yes from users order by user_id limit 2`,
    );
    expect(rows).toHaveLength(2);
    const [row] = rows;
    expect(row).toMatchObject({ large: '9007199254740993', small: 42, yes: true, deleted_at: null });
    expect(row?.emails).toBeInstanceOf(Array);
    expect(row?.raw).toMatchObject({ id: row?.user_id });
    expect(row?.first_seen_at).toMatch(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d+Z$/);
  });

  test('prints names in lower case, however they were written', async () => {
    const home = await loaded();
    expect(await asked(home, 'select 1 as "ONE", 2 as Two')).toEqual([{ one: 1, two: 2 }]);
  });

  test('prints spans and times of day as such', async () => {
    const home = await loaded();
    const [row] = await asked(
      home,
      "select interval 90 minutes as span, time '01:02:03' as clock, date '2026-01-02' as day",
    );
    expect(row).toEqual({ span: '01:30:00', clock: '01:02:03', day: '2026-01-02' });
  });

  test('prints one JSON array for no row, one and many', async () => {
    const home = await loaded();
    expect(await asked(home, 'select 1 as one where false')).toEqual([]);
    expect(await asked(home, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(await asked(home, 'select * from range(5000)')).toHaveLength(5000);
  });

  test('prints CSV that reads back', async () => {
    const home = await loaded();
    const sql = `select 'a,b' as x, 'say "hi"' as y, 'two' || chr(10) || 'lines' as z, null as none, [1, 2] as list`;
    const { code, stdout } = await home.run(['query', '--csv', sql]);
    expect(code).toBe(0);
    expect(stdout).toBe('x,y,z,none,list\n"a,b","say ""hi""","two\nlines",,"[1,2]"\n');
  });

  test('prints the header of a CSV without rows, and columns in their order', async () => {
    const home = await loaded();
    expect((await home.run(['query', '--csv', 'select 1 as one, 2 as two where false'])).stdout).toBe('one,two\n');
    expect((await home.run(['query', '--csv', `select 'b' as x, true as "1"`])).stdout).toBe('x,1\nb,true\n');
  });

  test('prints a table that keeps its lines whatever a name holds', async () => {
    const home = await loaded();
    const sql = "select 'first' || chr(10) || 'second' || chr(27) || '[31m' as name, 3 as n";
    const { code, stdout } = await home.run(['query', sql]);
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^name +n$/),
      expect.stringMatching(/^-+ +-$/),
      expect.stringMatching(/^first second .*3$/),
    ]);
    expect((await home.run(['query', 'select 1 as one where false'])).stdout).toBe('no rows\n');
  });

  test('shows every table and view of the contract', async () => {
    const home = await loaded();
    const names = await asked(
      home,
      "select table_name from information_schema.tables where table_schema = 'main' order by 1",
    );
    expect(names.map((row) => row.table_name)).toEqual(
      expect.arrayContaining(
        [
          'users',
          'user_changes',
          'roles',
          'teams',
          'user_writes',
          'sync_runs',
          'rejected_records',
          'rollcall_state',
        ].concat(['current_users', 'user_history', 'user_roles', 'people', 'pylon_users']),
      ),
    );
    const views = ['current_users', 'user_history', 'pylon_users'];
    for (const view of views) expect(await asked(home, `select count(*) as n from ${view}`)).toEqual([{ n: 25 }]);
    const [{ n } = { n: 0 }] = await asked(home, 'select count(*) as n from roles');
    expect(n).toBe(home.api.world.roles().length);
    expect(await asked(home, 'select count(*) as n from teams')).toEqual([{ n: home.api.world.teams().length }]);
  });

  test('tells what is wrong with a statement, in the words of the warehouse', async () => {
    const home = await loaded();
    const { code, stdout, stderr } = await home.run(['query', '--json', 'select nme from users']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^rollcall: the query failed: .*nme/);
    expect(stderr).not.toMatch(/\bat .*\.(ts|js):\d+/);
  });

  test.each(['delete from users', 'drop table users', "update users set name = 'x'"])(
    'cannot change anything: %s',
    async (sql) => {
      const home = await loaded();
      const { code, stdout } = await home.run(['query', sql]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(await home.rows("select count(*) as n from users where name is distinct from 'x'")).toEqual([{ n: 25 }]);
    },
  );

  test('says what to do before the first sync', async () => {
    const home = makeHome(await start({ users: 3 }));
    const { code, stdout, stderr } = await home.run(['query', 'select 1']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expectOneLine(stderr);
    expect(stderr).toContain('rollcall sync');
  });
});
