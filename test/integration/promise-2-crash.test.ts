import { beforeAll, describe, expect, test } from 'vitest';
import type { Run } from '../../src/contract/run.ts';
import type { Row } from '../../src/contract/warehouse.ts';
import { change, expectOk, LOGGED, makeStage, type Stage, TIMELESS } from '../support/stage.ts';

const times = (points: readonly string[], ...nths: readonly number[]) =>
  points.flatMap((point) => nths.map((nth) => [point, nth] as const));

/** Instants of a run that changes something and deletes somebody, while its scan is open. */
const INSTANTS: readonly (readonly [point: string, nth: number])[] = [
  ...times(['before page', 'before step', 'inside step', 'after step'], 1, 2, 3, 4),
  ...times(['before seal', 'inside seal', 'after seal', 'before stage', 'after stage', 'after refuse'], 1, 2),
  ...times(['before transact', 'after transact', 'after promote', 'before unstage', 'after unstage'], 1, 2),
  ...times(['before absent', 'after absent'], 1, 2, 3),
  ...times(
    ['after saveRun', 'after beginScan', 'after note', 'after noteMissed', 'after recheck', 'before endScan'],
    1,
  ),
];

/** Instants after its scan has ended: the next run has one of its own. */
const ENDED: readonly (readonly [point: string, nth: number])[] = [
  ...times(['after endScan', 'before run', 'after run', 'before markSent'], 1),
  ...times(['after saveRun'], 2),
];

/** A source that has changed in every way since the last run. */
async function changedStage(): Promise<Stage> {
  const stage = makeStage({ users: 14 });
  await stage.sync();
  const { world } = stage;
  change(world, 'u1', { name: 'Renamed' });
  change(world, 'u2', { created_at: 'nonsense' });
  change(world, 'u3', {}, 'gone');
  change(world, 'u4', {}, 'off');
  change(world, 'u5', { name: ['no text'] });
  world.people.set('u99', { id: 'u99', record: { ...world.people.get('u6')?.record, id: 'u99' }, account: 'listed' });
  world.order.unshift('u99');
  return stage;
}

const tables = async (stage: Stage): Promise<readonly (readonly Row[])[]> =>
  Promise.all([
    stage.query(TIMELESS),
    stage.query(LOGGED),
    stage.query('select user_id, reason, payload from rejected_records order by user_id'),
  ]);

describe('promise 2: a crash at any instant costs two pages at most, and the next run ends in the same state', () => {
  let spared: readonly (readonly Row[])[] = [];

  beforeAll(async () => {
    const stage = await changedStage();
    expectOk(await stage.sync());
    spared = await tables(stage);
  });

  test.each([...INSTANTS, ...ENDED])('killed %s (%i)', async (point, nth) => {
    const stage = await changedStage();
    let pages = 0;
    const asked = (request: string): void => {
      if (request === 'page') pages += 1;
    };

    const killed = await stage.run({ plan: { point, nth, does: 'kill' }, asked });
    expect(killed, 'the run comes to this instant').toMatchObject({ run: null, sprung: true });
    expectOk(await stage.sync({ asked }));

    expect(await tables(stage)).toEqual(spared);
    const ended = ENDED.some(([known, at]) => known === point && at === nth);
    expect(pages, 'pages asked for; the listing has four').toBeLessThanOrEqual(ended ? 4 + 4 : 4 + 2);
  });

  test('the row of a run whose process was killed says so, and counts what its batches did', async () => {
    const stage = makeStage({ users: 14 });
    await stage.run({ plan: { point: 'after promote', nth: 1, does: 'kill' } });
    const next = await stage.sync();
    expectOk(next);
    await stage.sendRuns();
    const runs = await stage.query('select outcome, inserted from sync_runs order by started_at limit 2');
    expect(runs.map((row) => row.outcome)).toEqual(['interrupted', 'ok']);
    expect(runs.reduce((sum, row) => sum + Number(row.inserted), 0)).toBe(14);
  });

  test('what a dead process had applied is counted once, although its heir died too', async () => {
    const stage = makeStage({ users: 14 });
    await stage.run({ plan: { point: 'after transact', nth: 2, does: 'kill' } });
    await stage.run({ plan: { point: 'before endScan', nth: 1, does: 'kill' } });
    expectOk(await stage.sync());
    await stage.sendRuns();
    expect(await stage.query('select sum(inserted)::int as n from sync_runs')).toEqual([{ n: 14 }]);
  });

  test('a run that is asked to stop ends after the page in hand and the next one goes on there', async () => {
    const stage = makeStage({ users: 14 });
    const pages: string[] = [];
    const stop = new AbortController();
    const asked = (request: string): void => {
      pages.push(request);
      if (pages.length === 3) stop.abort();
    };
    const stopped = await stage.sync({ asked, signal: stop.signal });
    expect(stopped).toMatchObject({ outcome: 'interrupted', error: null });
    expect(stopped.counts.pages).toBeLessThanOrEqual(3);
    const rest: Run = await stage.sync({ asked });
    expectOk(rest);
    expect(pages.length).toBeLessThanOrEqual(4 + 2);
    expect(await stage.live()).toHaveLength(14);
  });

  test('a whole answer without cursors is read again from its beginning after a crash, without a change too many', async () => {
    const stage = makeStage({ users: 14, flavour: { cursors: false } });
    await stage.run({ plan: { point: 'after step', nth: 3, does: 'kill' } });
    const run = await stage.sync();
    expectOk(run);
    expect(run.counts).toMatchObject({ seen: 14, inserted: 14 });
    expect(await stage.query('select count(*) as n from user_changes')).toEqual([{ n: 14 }]);
  });

  test('bytes that a crash left behind the recorded ones are not loaded', async () => {
    const stage = makeStage({ users: 14 });
    await stage.sync();
    const { world } = stage;
    const [first = '', ...others] = world.order;
    const last = others.at(-1) ?? '';
    const was = world.people.get(last)?.record ?? {};
    change(world, first, { name: 'Renamed on the first page' });
    change(world, last, { name: 'Renamed on the last page, and not for long' });
    // The fourth page's line is in the spool, and its ledger transaction never happened.
    await stage.run({ plan: { point: 'inside step', nth: 4, does: 'kill' } });
    change(world, last, was);
    const run = await stage.sync();
    expectOk(run);
    expect(run.counts).toMatchObject({ updated: 1, batches: 1 });
    expect(await stage.ops(last)).toEqual(['insert']);
  });

  test('a state folder that is moved after a crash takes its waiting batch along', async () => {
    const stage = makeStage({ users: 14 });
    await stage.run({ plan: { point: 'after seal', nth: 1, does: 'kill' } });
    const moved = makeStage({ world: stage.world, warehouse: stage.engine.warehouse });
    moved.restoreLedger(stage.engine.state);
    stage.loseLedger();
    expectOk(await moved.sync());
    expect(await moved.live()).toHaveLength(14);
  });

  test('the answer to a commit is lost: the batch is not applied twice', async () => {
    const stage = makeStage({ users: 14 });
    const failed = await stage.sync({ plan: { point: 'after transact', nth: 2, does: 'fail' } });
    expect(failed.error).toMatchObject({ kind: 'transient', retryable: true });
    const run = await stage.sync();
    expectOk(run);
    expect(await stage.query('select count(*) as n from user_changes')).toEqual([{ n: 14 }]);
    expect(await stage.live()).toHaveLength(14);
  });
});
