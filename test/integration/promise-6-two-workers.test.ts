import { describe, expect, test } from 'vitest';
import { RollcallError } from '../../src/errors.ts';
import { change, expectOk, idsOf, LOGGED, makeStage, type Stage, TIMELESS } from '../support/stage.ts';

/** A second host: a state folder of its own, the same source and the same warehouse file. */
const otherHost = (stage: Stage): Stage => makeStage({ world: stage.world, warehouse: stage.engine.warehouse });

/** Runs something once, at the nth time that a run comes to a point; the run waits for it. */
function meanwhile(point: string, nth: number, work: () => Promise<void>): (at: string) => Promise<void> {
  let times = 0;
  return async (at) => {
    if (at !== point) return;
    times += 1;
    if (times === nth) await work();
  };
}

describe('promise 6: two workers can never corrupt a connection', () => {
  test('a second run on the same host is told who has the connection, and leaves no trace', async () => {
    const stage = makeStage();
    let refused: unknown = null;
    const pause = meanwhile('after step', 1, async () => {
      refused = await stage.sync().catch((error: unknown) => error);
    });
    expectOk(await stage.sync({ pause }));
    expect(refused).toBeInstanceOf(RollcallError);
    expect(refused).toMatchObject({ kind: 'busy', connection: 'crew' });
    expect(String(refused)).toMatch(new RegExp(`process ${process.pid} .* since \\d{4}-`));
    expect(await stage.query('select count(*) as n from sync_runs')).toEqual([{ n: 1 }]);
  });

  test('the lease of a dead process is taken over', async () => {
    const stage = makeStage();
    await stage.run({ plan: { point: 'after step', nth: 2, does: 'kill' } });
    expectOk(await stage.sync());
    expect(await stage.live()).toEqual(idsOf(stage.world));
  });

  test.each([
    ['after step', 2],
    ['before seal', 1],
    ['after seal', 1],
  ])('a writer that pauses %s (%i) and wakes after another took over changes nothing', async (point, nth) => {
    const stage = makeStage();
    expectOk(await stage.sync());
    change(stage.world, 'u1', { name: 'As the paused writer met him' });
    const other = otherHost(stage);
    let between: readonly unknown[] = [];
    const tables = async () => [await stage.query('select * from users order by user_id'), await stage.query(LOGGED)];
    const pause = meanwhile(point, nth, async () => {
      change(stage.world, 'u1', { name: 'As the other met him' });
      expectOk(await other.sync());
      between = await tables();
    });

    const stale = await stage.sync({ pause });

    expect(stale).toMatchObject({
      outcome: 'failed',
      error: { kind: 'lost-lease', retryable: false },
      counts: { updated: 0 },
    });
    expect(await tables()).toEqual(between);
    expect(await stage.query("select name from users where user_id = 'u1'")).toEqual([
      { name: 'As the other met him' },
    ]);
    const next = await stage.sync();
    expectOk(next);
    expect(next.counts).toMatchObject({ updated: 0, inserted: 0, deleted: 0, unchanged: 12 });
  });

  test('a clone of a ledger that went on turns its original away, although their epoch is the same', async () => {
    const stage = makeStage();
    expectOk(await stage.sync());
    const last = stage.world.order.at(-1) ?? '';
    const clone = otherHost(stage);
    const pause = meanwhile('after step', 1, async () => {
      clone.restoreLedger(stage.keepLedger());
      change(stage.world, last, { name: 'As the clone met him' });
      expectOk(await clone.sync());
      change(stage.world, last, { name: 'As the original met him' });
    });
    expect(await stage.sync({ pause })).toMatchObject({ outcome: 'failed', error: { kind: 'lost-lease' } });
    const row = await stage.query(`select name from users where user_id = '${last}'`);
    expect(row).toEqual([{ name: 'As the clone met him' }]);
    expectOk(await stage.sync());
    expect(await stage.ops(last)).toEqual(['insert', 'update', 'update']);
  });

  test('a clone that applied the very batch of its original has done its work: the original promotes it', async () => {
    const stage = makeStage();
    expectOk(await stage.sync());
    change(stage.world, 'u1', { name: 'As both met him' });
    const clone = otherHost(stage);
    const pause = meanwhile('after seal', 1, async () => {
      clone.restoreLedger(stage.keepLedger());
      expectOk(await clone.sync());
    });
    expect(await stage.sync({ pause })).toMatchObject({ outcome: 'ok', counts: { updated: 1 } });
    expect(await stage.ops('u1')).toEqual(['insert', 'update']);
    expect((await stage.sync()).counts.statements).toBe(0);
  });

  test('of two hosts that meet a new connection at once, one loads it and the other is turned away', async () => {
    const stage = makeStage();
    const other = otherHost(stage);
    const pause = meanwhile('after step', 1, async () => expectOk(await other.sync()));
    expect(await stage.sync({ pause })).toMatchObject({ outcome: 'failed', error: { kind: 'lost-lease' } });
    expect(await stage.query('select count(*) as n from user_changes')).toEqual([{ n: 12 }]);
    expectOk(await stage.sync());
    expect(await stage.query('select count(*) as n from user_changes')).toEqual([{ n: 12 }]);
  });

  test('two hosts that take turns write only what changed, and each change once', async () => {
    const stage = makeStage();
    const hosts = [stage, otherHost(stage)];
    const mirror = makeStage({ users: 12 });
    for (let turn = 0; turn < 6; turn += 1) {
      for (const { world } of [stage, mirror]) {
        change(world, `u${turn + 1}`, { name: `Turn ${turn}` }, turn === 3 ? 'gone' : 'listed');
      }
      expectOk((await hosts[turn % 2]?.sync()) ?? (await stage.sync()));
      expectOk(await mirror.sync());
    }
    expect(await stage.query(TIMELESS)).toEqual(await mirror.query(TIMELESS));
    expect(await stage.query(LOGGED)).toEqual(await mirror.query(LOGGED));
    const seqs = await stage.query('select distinct seq, recorded_at from user_changes order by seq');
    const times = seqs.map((row) => String(row.recorded_at));
    expect(times).toEqual(times.toSorted());
  });

  test('two connections of one warehouse leave each other alone', async () => {
    const stage = makeStage();
    const crew = await stage.sync();
    const other = makeStage({ users: 5, warehouse: stage.engine.warehouse, settings: { name: 'staff' } });
    expectOk(await other.sync());
    change(other.world, 'u1', {}, 'gone');
    expectOk(await other.sync());
    expect((await stage.sync()).counts).toMatchObject({ statements: 0, unchanged: 12 });
    const rows = await stage.query(`select count(*) as n from users where run_id = '${crew.run_id}'`);
    expect(rows).toEqual([{ n: 12 }]);
  });
});
