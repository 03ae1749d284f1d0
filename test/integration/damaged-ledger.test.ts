import { closeSync, copyFileSync, openSync, readdirSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { expectTable, type Home, makeHome } from '../support/cli.ts';
import { start } from '../support/pylon.ts';

async function home60(): Promise<Home> {
  const home = makeHome(await start({ users: 60, seed: 3 }));
  await home.sync();
  return home;
}

const ledgerOf = (home: Home): string => join(home.state, 'support.ledger');

/** Overwrites the first page of a table or index. */
function damage(file: string, name: string): void {
  const db = new BetterSqlite3(file);
  const page = Number(db.prepare('select rootpage from sqlite_master where name = ?').pluck().get(name));
  const size = Number(db.pragma('page_size', { simple: true }));
  db.close();
  expect(page, name).toBeGreaterThan(0);
  const handle = openSync(file, 'r+');
  writeSync(handle, Buffer.alloc(size, 0xff), 0, size, (page - 1) * size);
  closeSync(handle);
}

const NAMES = ['ledger', 'users', 'scan', 'batch', 'rejected', 'runs', 'users_inactive'];

const asides = (home: Home): string[] => readdirSync(home.state).filter((name) => name.includes('.broken-'));

describe('a ledger of which one page is damaged', () => {
  test.each(NAMES)('%s: is set aside, and the same run makes a new one and ends ok', async (name) => {
    const home = await home60();
    damage(ledgerOf(home), name);
    const [user] = home.api.world.users();
    home.api.world.rename(user?.id ?? '', 'Renamed');
    const run = await home.sync();
    expect(run, run.stderr).toMatchObject({ code: 0, outcome: 'ok', inserted: 0, updated: 1, unchanged: 59 });
    expect(run.stderr).toMatch(/ledger/);
    expect(asides(home)).toHaveLength(1);
    await expectTable(home);
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', statements: 0, unchanged: 60 });
    expect(asides(home)).toHaveLength(1);
    expect((await home.run(['status', '--json'])).stdout).toContain('"trouble":null');
  });

  test.each(['ledger', 'users', 'runs'])('%s: can be rebuilt by hand, and nothing half-made stays', async (name) => {
    const home = await home60();
    damage(ledgerOf(home), name);
    const { code, stdout, stderr } = await home.run(['state', 'rebuild', 'support']);
    expect({ code, stdout }, stderr).toEqual({
      code: 0,
      stdout: 'support: the ledger was rebuilt; it knows 60 live users\n',
    });
    expect(readdirSync(home.state).filter((file) => file.includes('.new'))).toEqual([]);
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', inserted: 0, updated: 0, unchanged: 60 });
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', statements: 0, unchanged: 60 });
  });

  test('users_by_id: is set aside by the run that needs it', async () => {
    const home = await home60();
    damage(ledgerOf(home), 'users_by_id');
    // Whom it knows, it finds in order; the index is asked for a newcomer.
    home.api.world.add({ name: 'Nadia New' });
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', inserted: 1, updated: 0, unchanged: 60 });
    expect(asides(home)).toHaveLength(1);
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', statements: 0, unchanged: 61 });
  });

  test('keeps what can still be read of it when it is rebuilt by hand', async () => {
    const home = await home60();
    damage(ledgerOf(home), 'rejected');
    expect(await home.run(['state', 'rebuild', 'support'])).toMatchObject({ code: 0 });
    const { stdout } = await home.run(['runs', '--json']);
    expect(JSON.parse(stdout)).toHaveLength(1);
    expect(asides(home)).toHaveLength(1);
  });
});

test('a half-made ledger of a rebuild that was killed is removed by the next run', async () => {
  const home = await home60();
  copyFileSync(ledgerOf(home), `${ledgerOf(home)}.new`);
  expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok' });
  expect(readdirSync(home.state).filter((file) => file.includes('.new'))).toEqual([]);
});

test('a lock file that is no database holds nobody up', async () => {
  const home = await home60();
  writeFileSync(join(home.state, 'support.lock'), 'garbage'.repeat(1000));
  expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', statements: 0 });
});
