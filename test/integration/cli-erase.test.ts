import { randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, test } from 'vitest';
import { expectTable, filesOf, type Home, json, makeHome } from '../support/cli.ts';
import { start } from '../support/pylon.ts';

/** Files that hold a text as it is; compressed ones do not show it, so that names are random here. */
const holding = (folder: string, text: string): string[] =>
  filesOf(folder).filter((file) => readFileSync(file).includes(text));

const TABLES = ['users', 'user_changes', 'rejected_records', 'user_writes'];

describe('erase', () => {
  test('leaves nothing of a person in any table or file, and the others as they were', async () => {
    const api = await start({ users: 60, seed: 3 });
    const home = makeHome(api);
    const user = api.world.users()[7];
    if (user === undefined) throw new Error('the world is too small');
    const name = randomBytes(30).toString('hex');
    api.world.rename(user.id, name);
    await home.sync();
    expect(holding(home.folder, name), 'the name can be found in a file').not.toEqual([]);
    api.world.remove(user.id);
    await home.sync();
    const erased = await home.run(['erase', 'support', user.id, '--yes', '--json']);
    expect(erased).toMatchObject({ code: 0, stderr: '' });
    expect(json(erased.stdout)).toEqual({ connection: 'support', user_id: user.id, erased: true });
    for (const table of TABLES)
      expect(await home.rows(`select 1 from ${table} where user_id = '${user.id}'`), table).toEqual([]);
    expect(holding(home.folder, name)).toEqual([]);
    expect(holding(home.folder, user.id)).toEqual([]);
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', seen: 59, inserted: 0, deleted: 0 });
    await expectTable(home);
  });

  test('says so when there is nobody to erase', async () => {
    const api = await start({ users: 5 });
    const home = makeHome(api);
    await home.sync();
    const { code, stdout } = await home.run(['erase', 'support', 'nobody', '--yes']);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'support: no table has anything of a user nobody; nothing was erased\n',
    });
  });
});

describe('forget', () => {
  test('drops everything of a connection, views and tables stay, and a sync begins anew', async () => {
    const api = await start({ users: 60, seed: 3 });
    const home = makeHome(api);
    const [user] = api.world.users();
    if (user === undefined) throw new Error('the world is too small');
    const name = randomBytes(30).toString('hex');
    api.world.rename(user.id, name);
    await home.sync();
    expect(await home.run(['forget', 'support', '--yes'])).toMatchObject({
      code: 0,
      stdout: 'support: forgotten\n',
    });
    expect(await home.rows('select * from people')).toEqual([]);
    expect(holding(home.folder, name)).toEqual([]);
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', inserted: 60 });
    await expectTable(home);
  });
});

/** Runs SQL on the warehouse's file without the program under test. */
async function tamper(home: Home, sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(home.warehouse);
  const connection = await instance.connect();
  try {
    await connection.run(sql);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function loaded(): Promise<{ home: Home; id: string }> {
  const api = await start({ users: 60, seed: 3 });
  const home = makeHome(api);
  await home.sync();
  const [user] = api.world.users();
  if (user === undefined) throw new Error('the world is too small');
  api.world.remove(user.id);
  await home.sync();
  return { home, id: user.id };
}

const erase = (home: Home, id: string) => home.run(['erase', 'support', id, '--yes', '--json']);

describe('the file that erase writes anew', () => {
  test('can be read by nobody who could not read the old one', async () => {
    const { home, id } = await loaded();
    chmodSync(home.warehouse, 0o600);
    expect(await erase(home, id)).toMatchObject({ code: 0, stderr: '' });
    expect(statSync(home.warehouse).mode & 0o777).toBe(0o600);
  });

  test('keeps tables of other people with their foreign keys', async () => {
    const { home, id } = await loaded();
    await tamper(home, 'create table parent (id integer primary key); insert into parent values (1)');
    await tamper(home, 'create table a_child (id integer references parent(id)); insert into a_child values (1)');
    const erased = await erase(home, id);
    expect(erased).toMatchObject({ code: 0, stderr: '' });
    expect(json(erased.stdout)).toEqual({ connection: 'support', user_id: id, erased: true });
    expect(holding(home.folder, id)).toEqual([]);
    expect(await home.rows('select parent.id from a_child join parent using (id)')).toEqual([{ id: 1 }]);
    await expect(tamper(home, 'insert into a_child values (7)')).rejects.toThrow(/foreign key/);
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', statements: expect.any(Number) });
  });

  test('stays the old one where it cannot be copied, which is said, and ledger and tables are done', async () => {
    const { home, id } = await loaded();
    await tamper(home, 'create table staff (id integer primary key, boss integer references staff(id))');
    await tamper(home, 'insert into staff values (1, null)');
    await tamper(home, 'insert into staff values (2, 1)');
    const erased = await erase(home, id);
    expect(erased.code).toBe(0);
    expect(erased.stderr).toMatch(/rows are deleted, but .*foreign key.*free space/is);
    expect(json(erased.stdout)).toMatchObject({ erased: true, warnings: [expect.stringMatching(/free space/)] });
    expect(await home.rows(`select 1 from users where user_id = '${id}'`)).toEqual([]);
    expect(holding(home.state, id)).toEqual([]);
    expect(filesOf(home.folder).filter((file) => file.includes('scrubbed'))).toEqual([]);
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok' });
  });

  test('a half-made one of a process that was killed is removed by whoever writes next', async () => {
    const { home } = await loaded();
    for (const tail of ['', '.wal']) writeFileSync(`${home.warehouse}.scrubbed${tail}`, 'half');
    expect(await home.sync()).toMatchObject({ code: 0 });
    expect(filesOf(home.folder).filter((file) => file.includes('scrubbed'))).toEqual([]);
  });
});

test('erase removes a half-made ledger that names the person', async () => {
  const { home, id } = await loaded();
  const ledger = join(home.state, 'support.ledger');
  copyFileSync(ledger, `${ledger}.new`);
  expect(await erase(home, id)).toMatchObject({ code: 0 });
  expect(holding(home.folder, id)).toEqual([]);
});

describe('forget of a name', () => {
  test('that nothing is known of is refused, and leaves no file', async () => {
    const { home } = await loaded();
    const before = filesOf(home.folder);
    const { code, stdout, stderr } = await home.run(['forget', 'suport', '--yes']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/nothing is known of a connection suport.*support/);
    expect(filesOf(home.folder)).toEqual(before);
  });

  test('that the config no longer has drops its rows', async () => {
    const { home } = await loaded();
    writeFileSync(home.config, readFileSync(home.config, 'utf8').replace('  support:', '  renamed:'));
    expect(await home.run(['forget', 'support', '--yes'])).toMatchObject({ code: 0, stdout: 'support: forgotten\n' });
    expect(await home.rows('select 1 from users')).toEqual([]);
    expect(await home.run(['forget', 'support', '--yes'])).toMatchObject({ code: 2 });
  });
});
