import { describe, expect, test } from 'vitest';
import { RollcallError } from '../../src/errors.ts';
import { change, expectOk, idsOf, makeStage, type Setting, type Stage } from '../support/stage.ts';

/** A stage whose users are loaded, and some of whom have left since. */
async function left(gone: readonly string[], setting: Setting = {}): Promise<Stage> {
  const stage = makeStage(setting);
  expectOk(await stage.sync());
  for (const id of gone) change(stage.world, id, {}, 'gone');
  return stage;
}

describe('promise 3: only a complete scan and the word of the source make a tombstone', () => {
  test('a missing user whom the source calls gone is tombstoned, and the row stays', async () => {
    const stage = await left(['u3']);
    const run = await stage.sync();
    expect(run).toMatchObject({ outcome: 'ok', counts: { deleted: 1, seen: 11 }, kept: { unproven: 0, inactive: 0 } });
    const [row] = await stage.query("select name, deleted_at, changed_at from users where user_id = 'u3'");
    expect(row?.name).toEqual(expect.any(String));
    expect(row?.deleted_at).toEqual(row?.changed_at);
    expect(await stage.ops('u3')).toEqual(['insert', 'delete']);
  });

  test('the control is asked for before and after the missing ones', async () => {
    const stage = await left(['u3']);
    let lookups = 0;
    await stage.sync({
      asked: (request) => {
        lookups += request === 'absent' ? 1 : 0;
      },
    });
    expect(lookups).toBe(3);
  });

  test.each([1, 3])('a server that finds nobody from lookup %i on proves nothing', async (illFrom) => {
    const stage = await left(['u3']);
    stage.world.hidden.add('u5');
    // The control, u3, u5, and the control again.
    const run = await stage.sync({ mood: { illFrom } });
    expect(run).toMatchObject({ outcome: 'refused', counts: { deleted: 0 }, error: { kind: 'refused' } });
    expect(await stage.live()).toHaveLength(12);
    expect((await stage.sync()).counts.deleted).toBe(1);
  });

  test('a gateway page instead of an answer is no word about a user', async () => {
    const stage = await left(['u3']);
    let lookups = 0;
    const run = await stage.sync({
      asked: (request) => {
        lookups += request === 'absent' ? 1 : 0;
        if (request === 'absent' && lookups === 2)
          throw new RollcallError('bad-data', 'an HTML page instead of JSON', { status: 404 });
      },
    });
    expect(run).toMatchObject({ outcome: 'ok', counts: { deleted: 0 }, kept: { unproven: 1, inactive: 0 } });
    expect(await stage.live()).toContain('u3');
  });

  test('a credential that may not look users up keeps them, with a warning', async () => {
    const stage = await left(['u3']);
    const run = await stage.sync({ mood: { forbidden: true } });
    expect(run).toMatchObject({ outcome: 'ok', counts: { deleted: 0 }, kept: { unproven: 1, inactive: 0 } });
    expect(run.warnings.join()).toMatch(/1 user is no longer listed.*may not look users up/);
  });

  test('who is still there is kept, listed or not', async () => {
    const stage = await left([]);
    stage.world.hidden.add('u3').add('u4');
    const run = await stage.sync();
    expect(run).toMatchObject({ outcome: 'ok', counts: { deleted: 0 }, kept: { unproven: 2, inactive: 0 } });
    expect(await stage.live()).toHaveLength(12);
  });

  test('who is off is kept with active false, never counted as missing, and looked up again until he is gone', async () => {
    const stage = await left([], { users: 30 });
    for (const id of idsOf(stage.world).slice(0, 5)) change(stage.world, id, {}, 'off');
    expect(await stage.sync()).toMatchObject({ outcome: 'ok', kept: { unproven: 0, inactive: 5 } });
    expect(await stage.query('select count(*) as n from users where active = false')).toEqual([{ n: 5 }]);
    const again = await stage.sync();
    expect(again).toMatchObject({
      outcome: 'ok',
      counts: { updated: 0, batches: 0 },
      kept: { unproven: 0, inactive: 5 },
    });
    const [first = ''] = idsOf(stage.world, 'off');
    change(stage.world, first, {}, 'gone');
    expect(await stage.sync()).toMatchObject({ counts: { deleted: 1 }, kept: { unproven: 0, inactive: 4 } });
    expect(await stage.ops(first)).toEqual(['insert', 'update', 'delete']);
  });

  test('more than the ratio missing, and more than ten, is refused, and what the scan brought is loaded', async () => {
    const stage = await left(
      Array.from({ length: 11 }, (_, i) => `u${i + 1}`),
      { users: 50 },
    );
    change(stage.world, 'u20', { name: 'Renamed meanwhile' });
    const run = await stage.sync();
    expect(run).toMatchObject({ outcome: 'refused', counts: { deleted: 0, updated: 1, seen: 39 } });
    expect(run.error?.message).toMatch(/11 of the 50 live users.*max_ratio.*--allow-deletes/s);
    expect(await stage.live()).toHaveLength(50);
    expect(await stage.sync({ request: { allowDeletes: true } })).toMatchObject({
      outcome: 'ok',
      counts: { deleted: 11 },
    });
    expect(await stage.live()).toHaveLength(39);
  });

  test('ten missing users are asked for whatever share of all they are', async () => {
    const stage = await left(Array.from({ length: 10 }, (_, i) => `u${i + 1}`));
    expect(await stage.sync()).toMatchObject({ outcome: 'ok', counts: { deleted: 10 } });
  });

  test('an empty listing is refused, and allowing deletes does not stand in for proof', async () => {
    const stage = await left([]);
    for (const id of stage.world.order) stage.world.hidden.add(id);
    expect(await stage.sync()).toMatchObject({ outcome: 'refused', counts: { deleted: 0 } });
    const allowed = await stage.sync({ request: { allowDeletes: true } });
    expect(allowed).toMatchObject({ outcome: 'ok', counts: { deleted: 0 }, kept: { unproven: 12, inactive: 0 } });
    expect(await stage.live()).toHaveLength(12);
  });

  test('a listing that breaks off deletes nobody', async () => {
    const stage = await left(['u3']);
    const broken = await stage.sync({ plan: { point: 'before page', nth: 3, does: 'fail' } });
    expect(broken).toMatchObject({ outcome: 'failed', error: { kind: 'transient' } });
    expect(await stage.live()).toHaveLength(12);
  });

  test('with proof by scans the second complete scan in a row deletes, and asks nobody', async () => {
    const stage = await left(['u3'], { deletes: { proof: 'scans' } });
    const asked = (request: string): void => expect(request).toBe('page');
    expect(await stage.sync({ asked })).toMatchObject({ outcome: 'ok', counts: { deleted: 0 }, kept: { unproven: 1 } });
    expect(await stage.sync({ asked })).toMatchObject({ outcome: 'ok', counts: { deleted: 1 }, kept: { unproven: 0 } });
  });

  test('two scans that missed a user, with one between that saw him, prove nothing', async () => {
    const stage = await left([], { deletes: { proof: 'scans' } });
    for (const hidden of [true, false, true]) {
      stage.world.hidden.clear();
      if (hidden) stage.world.hidden.add('u3');
      expect(await stage.sync()).toMatchObject({ outcome: 'ok', counts: { deleted: 0 } });
    }
    expect(await stage.live()).toHaveLength(12);
  });

  test('more missing users than may be looked up are proven by a second scan', async () => {
    const stage = await left(['u1', 'u2', 'u3'], { deletes: { lookups: 2 } });
    expect(await stage.sync()).toMatchObject({ counts: { deleted: 0 }, kept: { unproven: 3 } });
    expect(await stage.sync()).toMatchObject({ counts: { deleted: 3 }, kept: { unproven: 0 } });
  });

  test('a listing that may be cut without a sign is proven by lookups alone, however many scans missed a user', async () => {
    const setting = { flavour: { unsignedCut: true }, deletes: { lookups: 2, proof: 'scans' } } as const;
    const stage = await left(['u1'], setting);
    stage.world.hidden.add('u2').add('u3');
    for (let scans = 0; scans < 8; scans += 1) expectOk(await stage.sync());
    expect(await stage.live()).toEqual(expect.arrayContaining(['u2', 'u3']));
  });

  test('mode hard removes the row, keeps the keys in the log, and a return is an insert', async () => {
    const stage = await left(['u3'], { deletes: { mode: 'hard' } });
    expect((await stage.sync()).counts.deleted).toBe(1);
    expect(await stage.query("select count(*) as n from users where user_id = 'u3'")).toEqual([{ n: 0 }]);
    const [row] = await stage.query("select name, email, raw from user_changes where user_id = 'u3' and op = 'delete'");
    expect(row).toEqual({ name: null, email: null, raw: null });
    change(stage.world, 'u3', {}, 'listed');
    expect((await stage.sync()).counts.inserted).toBe(1);
    expect(await stage.ops('u3')).toEqual(['insert', 'delete', 'insert']);
  });

  test('mode ignore deletes nobody and says how many it kept', async () => {
    const stage = await left(['u3'], { deletes: { mode: 'ignore' } });
    expect(await stage.sync()).toMatchObject({ outcome: 'ok', counts: { deleted: 0 }, kept: { unproven: 1 } });
    expect(await stage.live()).toHaveLength(12);
  });

  test.each([
    ['our mapping', { name: ['no text'] }],
    ['the warehouse', { created_at: 'nonsense' }],
  ])('who is off, and whose record %s cannot take, is kept as he was, run after run', async (_, record) => {
    const stage = await left([]);
    change(stage.world, 'u3', record, 'off');
    for (const leaving of ['u7', 'u8', 'u9']) {
      change(stage.world, leaving, {}, 'gone');
      const { run, warned } = await stage.run();
      expect({ outcome: run?.outcome, error: run?.error, warned }).toEqual({ outcome: 'ok', error: null, warned: [] });
      expect((run?.kept.unproven ?? 0) + (run?.kept.inactive ?? 0)).toBe(1);
      expect(run?.counts).toMatchObject({ updated: 0, deleted: 1 });
      expect(run?.warnings.join() ?? '').not.toMatch(/did not balance/);
    }
    expect(await stage.live()).toHaveLength(9);
  });

  test('a resync tombstones a chosen user who is gone, though others left since the last scan', async () => {
    const stage = await left(['u1', 'u2', 'u3']);
    const run = await stage.sync({ request: { kind: 'resync', chosen: { ids: ['u3'] } } });
    expect(run).toMatchObject({ outcome: 'ok', counts: { deleted: 1 } });
    expect(await stage.ops('u3')).toEqual(['insert', 'delete']);
    expect(await stage.live()).toHaveLength(11);
  });

  test('a resync never sweeps', async () => {
    const stage = await left(['u3']);
    change(stage.world, 'u5', { name: 'Renamed' });
    const run = await stage.sync({ request: { kind: 'resync', chosen: { ids: ['u5'] } } });
    expect(run).toMatchObject({ outcome: 'ok', counts: { deleted: 0, updated: 1 } });
    expect(await stage.live()).toHaveLength(12);
  });

  test('an account that is off is tombstoned when it is gone although the ledger was lost meanwhile', async () => {
    const stage = makeStage({ flavour: { impliesActive: false }, deletes: { proof: 'scans' } });
    change(stage.world, 'u3', { enabled: false });
    expectOk(await stage.sync());
    stage.loseLedger();
    change(stage.world, 'u3', {}, 'gone');
    expectOk(await stage.sync());
    expectOk(await stage.sync());
    expect(await stage.live()).not.toContain('u3');
  });

  test('a resync of inactive users leaves them inactive: the next scan does not count them as missing', async () => {
    const stage = await left([]);
    const off = ['u3', 'u4', 'u5', 'u6'];
    for (const id of off) change(stage.world, id, {}, 'off');
    expect(await stage.sync()).toMatchObject({ outcome: 'ok', kept: { unproven: 0, inactive: 4 } });
    const { run } = await stage.run({ request: { kind: 'resync', chosen: { ids: off } } });
    expect(run).toMatchObject({ outcome: 'ok', counts: { seen: 4, updated: 0, unchanged: 4 } });
    expect(await stage.sync()).toMatchObject({
      outcome: 'ok',
      kept: { unproven: 0, inactive: 4 },
      counts: { statements: 0 },
    });
  });
});
