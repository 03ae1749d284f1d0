import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Source } from '../../src/contract/source.ts';
import { change, expectOk, filesHolding, makeStage, type Stage, tablesHolding } from '../support/stage.ts';

const COLUMNS = {
  exclude: ['secret', 'profile.pin', 'profile.tags.key'],
  hash: ['email', 'profile.phone'],
  hash_key: 'the key of these tests',
};

/** Values of the invented users that the rules above keep from the disk; each is the beginning of many. */
const HIDDEN = ['secret-', 'pin-', 'key-', '@acme.test', '+49 555'];

const RULED = { settings: { columns: COLUMNS } };

async function expectNowhere(stage: Stage, texts: readonly string[], told: unknown): Promise<void> {
  expect(filesHolding(stage.engine.folder, texts)).toEqual([]);
  expect(await tablesHolding(stage, texts)).toEqual([]);
  for (const text of texts) expect(JSON.stringify(told)).not.toContain(text);
}

describe('column rules: what is excluded or hashed never touches the disk', () => {
  test('no file and no table holds an excluded or hashed value, quarantine included', async () => {
    const stage = makeStage(RULED);
    change(stage.world, 'u1', { name: ['no text'] });
    change(stage.world, 'u2', { created_at: 'nonsense' });
    const { id: _, ...nobody } = stage.world.people.get('u3')?.record ?? {};
    stage.world.oddities.push(nobody);
    const first = await stage.run();
    expect(first.run).toMatchObject({ outcome: 'ok', counts: { inserted: 10, rejected: 3 } });
    change(stage.world, 'u4', { name: 'Renamed' });
    change(stage.world, 'u5', {}, 'gone');
    change(stage.world, 'u6', {}, 'off');
    const second = await stage.run();
    expect(second.run).toMatchObject({ outcome: 'ok', counts: { updated: 2, deleted: 1 } });
    await expectNowhere(stage, HIDDEN, [first, second]);
  });

  test('nor while a batch waits in the spool of a process that was killed', async () => {
    const stage = makeStage(RULED);
    const killed = await stage.run({ plan: { point: 'before transact', nth: 2, does: 'kill' } });
    expect(killed.run).toBeNull();
    expect(filesHolding(stage.engine.state, ['"u1"'])).toEqual([expect.stringMatching(/\.ndjson$/)]);
    await expectNowhere(stage, HIDDEN, killed);
  });

  test('nor when a record is no object but holds one', async () => {
    const stage = makeStage(RULED);
    stage.world.oddities.push([stage.world.people.get('u3')?.record ?? {}]);
    const run = await stage.run();
    expect(run.run).toMatchObject({ outcome: 'ok', counts: { rejected: 1 } });
    await expectNowhere(stage, HIDDEN, run);
  });

  test('hashed values are the same wherever the same value was, so that joins still work', async () => {
    const stage = makeStage(RULED);
    change(stage.world, 'u1', { email: ' Robin@Example.test' });
    change(stage.world, 'u2', { email: 'robin@example.TEST ' });
    expectOk(await stage.sync());
    const email = createHmac('sha256', COLUMNS.hash_key).update('robin@example.test').digest('hex');
    const rows = await stage.query("select email, raw ->> 'email' as own from users where user_id in ('u1', 'u2')");
    expect(rows).toEqual([
      { email, own: email },
      { email, own: email },
    ]);
    expect(await stage.query(`select accounts from people where email = '${email}'`)).toHaveLength(1);
  });

  test('another hashing key sends every row once more, and the recipe names the key without giving it away', async () => {
    const stage = makeStage(RULED);
    await stage.sync();
    const rekeyed = { settings: { columns: { ...COLUMNS, hash_key: 'another key' } } };
    expect((await stage.sync(rekeyed)).counts.batches).toBe(1);
    expect((await stage.sync(rekeyed)).counts).toMatchObject({ statements: 0, unchanged: 12 });
    await expectNowhere(stage, [COLUMNS.hash_key, 'another key'], null);
  });

  test('after the rules have changed, no row of users holds what they exclude', async () => {
    const stage = makeStage();
    await stage.sync();
    expectOk(await stage.sync(RULED));
    const rows = JSON.stringify(await stage.query('select * from users')).toLowerCase();
    for (const text of HIDDEN) expect(rows).not.toContain(text);
  });

  test('a batch that a killed process had sealed under older rules brings nothing excluded into the tables', async () => {
    const stage = makeStage();
    await stage.run({ plan: { point: 'before stage', nth: 1, does: 'kill' } });
    const run = await stage.run(RULED);
    expect(run.run).toMatchObject({ outcome: 'ok', counts: { seen: 12 } });
    expect(await tablesHolding(stage, HIDDEN)).toEqual([]);
  });

  test('a record quarantined under older rules is replayed under those of today', async () => {
    const stage = makeStage();
    change(stage.world, 'u1', { created_at: 'nonsense' });
    change(stage.world, 'u2', { name: ['no text'] });
    await stage.sync();
    change(stage.world, 'u2', {}, 'gone');
    const strict = stage.source({ version: 2 });
    const source: Source = {
      ...strict,
      user: (raw, refs, active) => strict.user({ ...raw, name: 'Mended' }, refs, active),
    };
    const replayed = await stage.run({
      settings: { columns: COLUMNS, source },
      request: { kind: 'resync', chosen: 'rejected' },
    });
    expect(replayed.run).toMatchObject({ outcome: 'ok', counts: { inserted: 1 } });
    const rows = JSON.stringify(await stage.query("select * from users where user_id = 'u2'")).toLowerCase();
    for (const text of HIDDEN) expect(rows).not.toContain(text);
  });

  test('rows that come back from the log after the users table was lost hold nothing that is excluded by now', async () => {
    const stage = makeStage({ settings: { columns: { exclude: [], hash: [] } } });
    await stage.sync();
    const ruled = { settings: { columns: COLUMNS } };
    expectOk(await stage.sync(ruled));
    stage.world.hidden.add('u3');
    await stage.engine.tamper('delete from users');
    expect(await stage.sync({ ...ruled, mood: { forbidden: true } })).toMatchObject({
      outcome: 'ok',
      kept: { unproven: 1 },
    });
    const rows = JSON.stringify(await stage.query('select * from users')).toLowerCase();
    for (const text of HIDDEN) expect(rows).not.toContain(text);
  });
});
