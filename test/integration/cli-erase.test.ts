import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { expectTable, filesOf, json, makeHome } from '../support/cli.ts';
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
