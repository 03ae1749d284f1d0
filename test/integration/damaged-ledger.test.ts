import {
  closeSync,
  copyFileSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
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

test('erase does its work although the ledger is damaged, and names the copy that was kept', async () => {
  const home = await home60();
  damage(ledgerOf(home), 'rejected');
  const [user] = home.api.world.users();
  const { code, stdout, stderr } = await home.run(['erase', 'support', user?.id ?? '', '--yes']);
  expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: `support: user ${user?.id} is erased\n` });
  expect(stderr).toMatch(/support\.ledger\.broken-/);
  expect(await home.rows(`select 1 from users where user_id = '${user?.id}'`)).toEqual([]);
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

describe('beside a ledger that cannot be read', () => {
  const GARBAGE: readonly [what: string, bytes: string][] = [
    ['garbage', 'garbage'.repeat(1000)],
    ['an empty file', ''],
  ];

  async function two(bytes: string): Promise<Home> {
    const home = await home60();
    const text = readFileSync(home.config, 'utf8');
    const own = text.slice(text.indexOf('  support:'));
    writeFileSync(home.config, text + own.replace('support:', 'other:'));
    for (const name of ['', '-wal', '-shm']) rmSync(join(home.state, `other.ledger${name}`), { force: true });
    writeFileSync(join(home.state, 'other.ledger'), bytes);
    return home;
  }

  test.each(GARBAGE)('(%s) status, runs and rejected show the other connections', async (_, bytes) => {
    const home = await two(bytes);
    const status = await home.run(['status', '--json']);
    expect(status, status.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(status.stdout)).toMatchObject([
      { connection: 'support', users: 60, trouble: null },
      { connection: 'other', trouble: expect.stringMatching(bytes === '' ? /never ran/ : /other\.ledger is damaged/) },
    ]);
    const runs = await home.run(['runs', '--json']);
    expect({ code: runs.code, n: JSON.parse(runs.stdout).length }).toEqual({ code: 0, n: 1 });
    expect(await home.run(['rejected', 'list', '--json'])).toMatchObject({ code: 0, stdout: '[]\n' });
    expect(await home.run(['state', 'show', 'other', '--json'])).toMatchObject({ code: 0 });
  });

  test.each(GARBAGE)('(%s) a dry run goes on as if there were none, and leaves it', async (_, bytes) => {
    const home = await two(bytes);
    const { code, stdout, stderr } = await home.run(['sync', 'other', '--dry-run', '--json', '--quiet']);
    expect(code, stderr + stdout).toBe(0);
    const run = JSON.parse(stdout);
    expect(run).toMatchObject({ outcome: 'ok', inserted: 60, seen: 60, pages: 1 });
    expect(run.warnings ?? []).toEqual(bytes === '' ? [] : [expect.stringMatching(/ledger cannot be read/)]);
    expect(readFileSync(join(home.state, 'other.ledger'), 'utf8')).toBe(bytes);
  });

  test.each(['users', 'runs', 'ledger'])('(damaged %s) a dry run compares with the rows', async (name) => {
    const home = await home60();
    damage(ledgerOf(home), name);
    const { code, stdout, stderr } = await home.run(['sync', '--dry-run', '--json', '--quiet']);
    expect(code, stderr + stdout).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'ok', inserted: 0, unchanged: 60, pages: 1 });
  });
});
