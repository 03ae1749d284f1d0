import { describe, expect, test } from 'vitest';
import type { Source } from '../../src/contract/source.ts';
import { change, expectOk, idsOf, makeStage, TIMELESS } from '../support/stage.ts';
import type { Plan } from '../support/traps.ts';

describe('promise 5: a record that cannot be loaded is quarantined, and the others of its page and batch load', () => {
  test('records without an id, no objects, and values of the wrong type are kept with their reason', async () => {
    const stage = makeStage();
    stage.world.oddities.push({ name: 'nobody' }, 'no object', 17, null);
    change(stage.world, 'u4', { name: ['no', 'text'] });
    const run = await stage.sync();
    expectOk(run);
    expect(run.counts).toMatchObject({ inserted: 11, rejected: 5, seen: 12 });
    const rows = await stage.query(
      'select user_id, reason, payload, replayed_at, run_id from rejected_records order by payload',
    );
    const noObject = { user_id: null, reason: expect.stringMatching(/not an object/) };
    const noText = { user_id: 'u4', reason: expect.stringMatching(/^name: expected a text/) };
    expect(rows.map(({ user_id, reason, payload }) => ({ user_id, reason, payload }))).toEqual([
      { ...noObject, payload: '"no object"' },
      { ...noObject, payload: '17' },
      { ...noObject, payload: 'null' },
      { ...noText, payload: expect.stringContaining('"u4"') },
      { user_id: null, reason: expect.stringMatching(/without an id/), payload: '{"name":"nobody"}' },
    ]);
    for (const row of rows) expect(row).toMatchObject({ replayed_at: null, run_id: run.run_id });
    expect(await stage.live()).toEqual(idsOf(stage.world).filter((id) => id !== 'u4'));
  });

  test('a value that the warehouse cannot convert quarantines its row, and the batch loads', async () => {
    const stage = makeStage();
    change(stage.world, 'u4', { created_at: 'the day before yesterday' });
    const run = await stage.sync();
    expectOk(run);
    expect(run.counts).toMatchObject({ seen: 12, inserted: 11, rejected: 1, unchanged: 0 });
    const rows = await stage.query('select user_id, reason from rejected_records');
    expect(rows).toEqual([{ user_id: 'u4', reason: expect.stringMatching(/^created_at: .*cannot convert/) }]);
    expect(await stage.live()).not.toContain('u4');
  });

  test('a user with a row keeps it as it was while his new record cannot be loaded', async () => {
    const stage = makeStage();
    await stage.sync();
    change(stage.world, 'u4', { created_at: 'nonsense', name: 'Unloadable' });
    const run = await stage.sync();
    expect(run).toMatchObject({ outcome: 'ok', counts: { updated: 0, rejected: 1, unchanged: 11, deleted: 0 } });
    const row = await stage.query("select name, deleted_at from users where user_id = 'u4'");
    expect(row).toEqual([{ name: expect.stringMatching(/^Name /), deleted_at: null }]);
  });

  test('a sound record after a refused one is counted as what it does to the row', async () => {
    const stage = makeStage();
    await stage.sync();
    change(stage.world, 'u4', { created_at: 'nonsense' });
    await stage.sync();
    change(stage.world, 'u4', { created_at: '2026-01-02T03:04:05Z' });
    const run = await stage.sync();
    expect(await stage.ops('u4')).toEqual(['insert']);
    expect(run.counts).toMatchObject({ updated: 0, inserted: 0, unchanged: 12 });
  });

  test('a user who comes back with a refused record and then with a sound one is restored once', async () => {
    const stage = makeStage();
    await stage.sync();
    change(stage.world, 'u4', {}, 'gone');
    await stage.sync();
    change(stage.world, 'u4', { created_at: 'nonsense' }, 'listed');
    expectOk(await stage.sync());
    expect(await stage.live()).not.toContain('u4');
    change(stage.world, 'u4', { created_at: '2026-01-02T03:04:05Z' });
    const run = await stage.sync();
    expect(run.counts).toMatchObject({ restored: 1, inserted: 0 });
    expect(await stage.ops('u4')).toEqual(['insert', 'delete', 'restore']);
  });

  test('the same payload is quarantined once, however often it is listed', async () => {
    const stage = makeStage();
    stage.world.oddities.push({ name: 'nobody' });
    change(stage.world, 'u4', { created_at: 'nonsense' });
    for (let runs = 0; runs < 3; runs += 1) expectOk(await stage.sync());
    expect(await stage.query('select count(*) as n from rejected_records')).toEqual([{ n: 2 }]);
  });

  test('a refused record counts as seen: its user is not missing', async () => {
    const stage = makeStage();
    await stage.sync();
    change(stage.world, 'u4', { name: ['no text'] });
    const run = await stage.sync({ asked: (request) => expect(request).toBe('page') });
    expect(run).toMatchObject({ outcome: 'ok', counts: { seen: 12, deleted: 0 }, kept: { unproven: 0 } });
  });

  test('what was quarantined before a ledger was restored from a backup is in the tables', async () => {
    const stage = makeStage();
    await stage.sync();
    const backup = stage.keepLedger();
    change(stage.world, 'u1', { name: 'Renamed' });
    await stage.sync();
    stage.restoreLedger(backup);
    stage.world.oddities.push({ name: 'nobody' });
    expectOk(await stage.sync());
    expect(await stage.query('select payload from rejected_records')).toEqual([{ payload: '{"name":"nobody"}' }]);
  });

  test('a record that waits in the open batch when the ledger is rebuilt is quarantined all the same', async () => {
    const stage = makeStage();
    await stage.sync();
    stage.world.oddities.push({ name: 'nobody' });
    const failed = await stage.sync({ plan: { point: 'before transact', nth: 1, does: 'fail' } });
    expect(failed.outcome).toBe('failed');
    await stage.engine.tamper("update rollcall_state set epoch = 'another host'");
    expectOk(await stage.sync());
    expect(await stage.query('select payload from rejected_records')).toEqual([{ payload: '{"name":"nobody"}' }]);
  });

  test('a replay loads the newest record of a user whose row is older, and of nobody who was seen since', async () => {
    const stage = makeStage();
    await stage.sync();
    const long = 'x'.repeat(5000);
    for (const id of ['u4', 'u5']) change(stage.world, id, { name: long });
    const small = { settings: { quarantine: { page_ratio: 1, scan_ratio: 1, max_record_bytes: 4000 } } };
    expect(await stage.sync(small)).toMatchObject({ outcome: 'ok', counts: { rejected: 2, updated: 0 } });
    change(stage.world, 'u5', { name: 'Short again' });
    expect(await stage.sync(small)).toMatchObject({ outcome: 'ok', counts: { rejected: 1, updated: 1 } });
    const { run } = await stage.run({ request: { kind: 'resync', chosen: 'rejected' } });
    expect(run).toMatchObject({ outcome: 'ok', counts: { updated: 1 } });
    expect(await stage.query("select user_id, name from users where user_id in ('u4', 'u5') order by 1")).toEqual([
      { user_id: 'u4', name: long },
      { user_id: 'u5', name: 'Short again' },
    ]);
    expect((await stage.sync()).counts).toMatchObject({ statements: 0, unchanged: 12 });
  });

  test('a user whose every listed record is bad still proves that the server is well', async () => {
    const stage = makeStage({ users: 3 });
    await stage.sync();
    change(stage.world, 'u1', { name: ['no text'] });
    change(stage.world, 'u2', { name: ['no text'] });
    change(stage.world, 'u3', {}, 'gone');
    expect(await stage.sync()).toMatchObject({ outcome: 'ok', counts: { deleted: 1, rejected: 2 } });
  });

  test('of a user only the newest quarantined record is replayed, and nothing that is older than his row', async () => {
    const stage = makeStage();
    await stage.sync();
    const limit = (max_record_bytes: number) => ({
      settings: { quarantine: { page_ratio: 1, scan_ratio: 1, max_record_bytes } },
    });
    for (const name of ['x'.repeat(2000), 'Short', 'y'.repeat(5000)]) {
      change(stage.world, 'u4', { name });
      expectOk(await stage.sync(limit(1500)));
    }
    const { run } = await stage.run({ ...limit(3000), request: { kind: 'resync', chosen: 'rejected' } });
    expect(run).toMatchObject({ outcome: 'ok', counts: { updated: 0 } });
    expect(await stage.query("select name from users where user_id = 'u4'")).toEqual([{ name: 'Short' }]);
  });

  test('a removed user does not come back by a replay of what was quarantined before', async () => {
    const stage = makeStage({ deletes: { mode: 'hard' } });
    await stage.sync();
    change(stage.world, 'u4', { name: ['no text'] });
    expectOk(await stage.sync());
    change(stage.world, 'u4', { name: 'Sound' }, 'gone');
    expect((await stage.sync()).counts.deleted).toBe(1);
    const lenient: Source = {
      ...stage.source({}),
      user: (raw, refs, active) => stage.source({}).user({ ...raw, name: 'Mended' }, refs, active),
    };
    await stage.run({ settings: { source: lenient }, request: { kind: 'resync', chosen: 'rejected' } });
    expect(await stage.ops('u4')).toEqual(['insert', 'delete']);
  });

  test('what was quarantined is replayed and marked also when the ledger was lost, and when the replay was killed after it was applied', async () => {
    const stage = makeStage();
    change(stage.world, 'u4', { name: 'x'.repeat(2000) });
    const small = { settings: { quarantine: { page_ratio: 1, scan_ratio: 1, max_record_bytes: 1500 } } };
    expectOk(await stage.sync(small));
    stage.loseLedger();
    const plan: Plan = { point: 'after transact', nth: 3, does: 'kill' };
    const killed = await stage.run({ plan, request: { kind: 'resync', chosen: 'rejected' } });
    expect(killed.run).toBeNull();
    const waiting = 'select count(*) as n from rejected_records where replayed_at is null';
    expect(await stage.query(waiting)).toEqual([{ n: 0 }]);
    expect(await stage.live()).toContain('u4');
    const { run } = await stage.run({ request: { kind: 'resync', chosen: 'rejected' } });
    expect(run).toMatchObject({ outcome: 'ok', warnings: [] });
    expect(await stage.ops('u4')).toEqual(['insert']);
  });

  test('a record of which the beginning alone was kept is left alone by a replay, which loads the others', async () => {
    const stage = makeStage();
    change(stage.world, 'u4', { name: 'x'.repeat(2000) });
    change(stage.world, 'u5', { name: 'y'.repeat(2000) });
    const small = { settings: { quarantine: { page_ratio: 1, scan_ratio: 1, max_record_bytes: 1500 } } };
    expectOk(await stage.sync(small));
    await stage.engine.tamper("update rejected_records set payload = left(payload, 1000) where user_id = 'u4'");
    const { run } = await stage.run({ request: { kind: 'resync', chosen: 'rejected' } });
    expect(run).toMatchObject({
      outcome: 'ok',
      counts: { inserted: 1, rejected: 1 },
      warnings: [
        expect.stringMatching(/^1 quarantined record is too large to have been kept whole; .*columns\.exclude/),
      ],
    });
    expect(await stage.live()).toContain('u5');
  });

  test('a record that the warehouse refuses once more is not marked as loaded', async () => {
    const stage = makeStage();
    change(stage.world, 'u4', { created_at: 'nonsense' });
    expectOk(await stage.sync());
    const { run } = await stage.run({ request: { kind: 'resync', chosen: 'rejected' } });
    expect(run).toMatchObject({ outcome: 'ok', counts: { inserted: 0, rejected: 1 } });
    expect(await stage.query('select count(*) as n from rejected_records where replayed_at is null')).toEqual([
      { n: 1 },
    ]);
  });

  test('a listing with too many bad records loads nothing, also not by the next command, and says which they were', async () => {
    const stage = makeStage({ users: 40, flavour: { pageSize: 30 } });
    await stage.sync();
    const before = await stage.query(TIMELESS);
    for (const [i, id] of stage.world.order.entries())
      change(stage.world, id, i % 2 === 0 ? { name: ['bad'] } : { name: `Changed ${i}` });
    const strict = { settings: { quarantine: { page_ratio: 0.4, scan_ratio: 1, max_record_bytes: 100_000 } } };
    expect(await stage.sync(strict)).toMatchObject({ outcome: 'failed', error: { kind: 'bad-data' } });
    expect(await stage.query('select count(*) as n from rejected_records')).toEqual([{ n: 15 }]);
    const [one = ''] = stage.world.order.slice(-1);
    change(stage.world, one, { name: 'Chosen' });
    const { run } = await stage.run({ request: { kind: 'resync', chosen: { ids: [one] } } });
    expect(run?.counts).toMatchObject({ seen: 1, updated: 1 });
    const changed = (await stage.query(TIMELESS)).filter((row, i) => JSON.stringify(row) !== JSON.stringify(before[i]));
    expect(changed.map((row) => row.user_id)).toEqual([one]);
  });
});
