import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../config/loader.ts';
import { connectionOf, depsOf } from '../../src/cli/workplace.ts';
import { RollcallError } from '../../src/errors.ts';
import { execute } from '../../src/sync/run.ts';
import { expectNoSecret, expectOneLine, expectTable, type Home, json, makeHome, synced } from '../support/cli.ts';
import { start } from '../support/pylon.ts';

const TOKEN = 'pyl_5up3rs3cr3t';

async function home300(): Promise<Home> {
  return makeHome(await start({ users: 300, seed: 9, token: TOKEN }));
}

const ledgerOf = (home: Home): string => join(home.state, 'support.ledger');

/** Runs once in words and once as JSON; both end with this code, in one line that says this. */
async function expectStopped(home: Home, code: number, says: RegExp): Promise<void> {
  const spoken = await home.run(['sync']);
  const machine = await home.run(['sync', '--json']);
  expect([spoken.code, machine.code], spoken.stdout + spoken.stderr).toEqual([code, code]);
  expect(spoken.stdout + spoken.stderr).toMatch(says);
  expect(spoken.stdout + spoken.stderr).not.toMatch(/unexpected error|this is a bug|\bat .*\.(ts|js):\d+/);
  if (machine.stdout === '') expectOneLine(machine.stderr);
  else expect(synced(machine)).toMatchObject({ outcome: 'failed', error: { message: expect.stringMatching(says) } });
  expectNoSecret(home, TOKEN, [spoken, machine]);
}

async function expectWell(home: Home): Promise<void> {
  expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', seen: 300 });
  await expectTable(home);
  expectNoSecret(home, TOKEN, []);
}

describe('a folder that cannot be written', () => {
  test('a file stands where the state folder should be', async () => {
    const home = await home300();
    writeFileSync(home.state, 'not a folder');
    await expectStopped(home, 2, /data\/state.*state\.dir/);
    rmSync(home.state);
    await expectWell(home);
  });

  test('the system lets nobody make the state folder', async () => {
    const home = await home300();
    const text = readFileSync(home.config, 'utf8');
    // Even root may make nothing there.
    writeFileSync(home.config, text.replace('./data/state', '/sys/rollcall'));
    await expectStopped(home, 2, /\/sys\/rollcall.*state\.dir/);
    writeFileSync(home.config, text);
    await expectWell(home);
  });

  test('a file stands where the folder of the warehouse should be', async () => {
    const home = await home300();
    const text = readFileSync(home.config, 'utf8');
    writeFileSync(join(home.folder, 'taken'), 'not a folder');
    writeFileSync(home.config, text.replace('./data/warehouse.duckdb', './taken/warehouse.duckdb'));
    await expectStopped(home, 2, /taken.*warehouse\.path|warehouse\.path.*taken|taken.*permissions/);
    writeFileSync(home.config, text);
    await expectWell(home);
  });

  test('a folder stands where the warehouse file should be', async () => {
    const home = await home300();
    mkdirSync(home.warehouse);
    await expectStopped(home, 2, /warehouse\.duckdb/);
    rmSync(home.warehouse, { recursive: true });
    await expectWell(home);
  });

  test('a text file stands where the warehouse file should be, and is left as it is', async () => {
    const home = await home300();
    writeFileSync(home.warehouse, 'my notes '.repeat(2000));
    await expectStopped(home, 2, /warehouse\.duckdb.*(not a DuckDB file|warehouse\.path)/);
    expect(readFileSync(home.warehouse, 'utf8')).toBe('my notes '.repeat(2000));
    rmSync(home.warehouse);
    await expectWell(home);
  });
});

describe('a ledger that cannot be read', () => {
  test('because it is not SQLite is set aside and rebuilt from the warehouse, and a note tells', async () => {
    const home = await home300();
    await home.sync();
    const added = home.api.world.add({ name: 'Nadia New' });
    const [gone] = home.api.world.users();
    home.api.world.remove(gone?.id ?? '');
    writeFileSync(ledgerOf(home), 'this is not a database '.repeat(400));
    for (const tail of ['-wal', '-shm']) rmSync(ledgerOf(home) + tail, { force: true });
    const ended = await home.run(['sync', '--json']);
    expect(synced(ended)).toMatchObject({
      code: 0,
      outcome: 'ok',
      inserted: 1,
      updated: 0,
      deleted: 1,
      unchanged: 299,
    });
    const [kept] = readdirSync(home.state).filter((name) => name.includes('broken'));
    expect(kept).toMatch(/^support\.ledger\.broken-/);
    expect(readFileSync(join(home.state, kept ?? ''), 'utf8')).toContain('this is not a database');
    expect(ended.stderr).toContain(kept);
    expect(ended.stderr).toMatch(/rebuil/);
    await expectTable(home);
    expect(await home.rows("select user_id, op from user_changes where op <> 'insert' or seq > 1 order by op")).toEqual(
      [
        { user_id: gone?.id, op: 'delete' },
        { user_id: added.id, op: 'insert' },
      ],
    );
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', batches: 0, statements: 0 });
  });

  test('because half of it is lost is set aside as well', async () => {
    const home = await home300();
    await home.sync();
    const bytes = readFileSync(ledgerOf(home));
    for (const tail of ['-wal', '-shm']) rmSync(ledgerOf(home) + tail, { force: true });
    bytes.fill(0x55, 4096);
    writeFileSync(ledgerOf(home), bytes);
    expect(await home.sync()).toMatchObject({
      code: 0,
      outcome: 'ok',
      inserted: 0,
      updated: 0,
      deleted: 0,
      unchanged: 300,
    });
    await expectTable(home);
  });

  test('because it is gone is rebuilt, and nobody is loaded or logged again', async () => {
    const home = await home300();
    await home.sync();
    rmSync(home.state, { recursive: true });
    expect(await home.sync()).toMatchObject({
      code: 0,
      outcome: 'ok',
      inserted: 0,
      updated: 0,
      deleted: 0,
      unchanged: 300,
    });
    await expectTable(home);
    expect(await home.rows('select count(*) as n from user_changes')).toEqual([{ n: 300 }]);
  });

  test('because a newer version wrote it is refused and left as it is', async () => {
    const home = await home300();
    await home.sync();
    const db = new BetterSqlite3(ledgerOf(home));
    db.pragma('user_version = 99');
    db.close();
    await expectStopped(home, 2, /newer Rollcall/);
    const again = new BetterSqlite3(ledgerOf(home));
    expect(again.pragma('user_version', { simple: true })).toBe(99);
    again.pragma('user_version = 1');
    again.close();
    expect(dirname(ledgerOf(home))).toBe(home.state);
    await expectWell(home);
  });
});

test('a damaged file of request budgets stops no run', async () => {
  const home = await home300();
  writeFileSync(home.config, readFileSync(home.config, 'utf8').replace('list: 0, get: 0', 'list: 60, get: 60'));
  await home.sync();
  const file = join(home.state, 'budgets.sqlite');
  truncateSync(file, 5000);
  // As old as that nothing of it can be of the last minute.
  utimesSync(file, 1_000_000, 1_000_000);
  await expectWell(home);
  await expectWell(home);
  expect(json<{ trouble: unknown }[]>((await home.run(['status', '--json'])).stdout)[0]?.trouble).toBeNull();
});

test('a run that cannot connect ends, with its reason', async () => {
  const home = await home300();
  const config = await loadConfig({ cwd: home.folder, env: {} });
  const observer = { page: () => {}, waiting: () => {}, note: () => {}, warn: () => {} };
  const deps = depsOf(config, connectionOf(config, 'support'), observer, new AbortController().signal);
  const connect = (): never => {
    throw new RollcallError('config', 'there is no way to the API');
  };
  const request = { kind: 'sync', trigger: 'command', scheduled_at: null, allowDeletes: false } as const;
  expect(await execute({ ...deps, connect }, request)).toMatchObject({ outcome: 'failed', error: { kind: 'config' } });
  const { stdout } = await home.run(['status', '--json']);
  expect(json(stdout)).toMatchObject([{ last_run: { outcome: 'failed' }, trouble: expect.stringMatching(/no way/) }]);
});
