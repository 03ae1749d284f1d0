import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, test } from 'vitest';
import { type Home, makeHome, synced } from '../support/cli.ts';
import { start } from '../support/pylon.ts';

async function tamper(home: Home, sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(home.warehouse);
  const connection = await instance.connect();
  await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
}

const TABLES = ['users', 'user_changes', 'rejected_records', 'sync_runs', 'rollcall_state'];

const everything = (home: Home): Promise<unknown> =>
  Promise.all(TABLES.map((table) => home.rows(`select * from ${table} order by all`)));

describe('a dry run', () => {
  test('says what the run does that follows it, and writes nothing', async () => {
    const api = await start({ users: 60, seed: 3 });
    const home = makeHome(api);
    await home.sync();
    const [first, second, third] = api.world.users();
    if (first === undefined || second === undefined || third === undefined) throw new Error('the world is too small');
    api.world.rename(first.id, 'Renamed');
    api.world.remove(second.id);
    const before = await everything(home);
    const said = synced(await home.run(['sync', '--dry-run', '--json']));
    expect(said).toMatchObject({
      code: 0,
      dry_run: true,
      updated: 1,
      deleted: 1,
      inserted: 0,
      unchanged: 58,
      seen: 59,
    });
    expect(await everything(home)).toEqual(before);
    expect(await home.sync()).toMatchObject({ code: 0, updated: 1, deleted: 1, inserted: 0, unchanged: 58, seen: 59 });
  });

  test('says what comes back from the log where the users table was emptied', async () => {
    const api = await start({ users: 60, seed: 3 });
    const home = makeHome(api);
    await home.sync();
    await tamper(home, 'delete from users');
    const counts = { code: 0, inserted: 0, unchanged: 60, seen: 60 };
    expect(synced(await home.run(['sync', '--dry-run', '--json']))).toMatchObject(counts);
    expect(await home.sync()).toMatchObject(counts);
  });

  test('ends with 3 where the guard would refuse, also when the table was emptied', async () => {
    const api = await start({ users: 60, seed: 3 });
    const home = makeHome(api);
    await home.sync();
    for (const user of api.world.users().slice(0, 20)) api.world.remove(user.id);
    await tamper(home, 'delete from users');
    expect(synced(await home.run(['sync', '--dry-run', '--json']))).toMatchObject({
      code: 3,
      outcome: 'refused',
      deleted: 0,
    });
    expect(await home.sync()).toMatchObject({ code: 3, outcome: 'refused', deleted: 0 });
  });
});
