import { describe, expect, test } from 'vitest';
import { begun } from '../support/begun.ts';
import { json, pagesAsked, type Row, until } from '../support/cli.ts';
import { start } from '../support/pylon.ts';
import { startPostgres, startRedis } from '../support/services.ts';
import {
  anotherHost,
  endedOk,
  eventually,
  expectExact,
  slowPages,
  startWorkerIn,
  stopWorker,
  workerHome,
} from '../support/workers.ts';

describe.each([
  { name: 'redis', begin: () => startRedis() },
  { name: 'postgres', begin: startPostgres },
])('two workers on $name', ({ begin }) => {
  test('when the one that runs is killed, the other goes on at its page', async () => {
    const { url } = await begun(begin);
    const api = await start({ users: 1150, seed: 4 });
    slowPages(api, 150);
    const home = workerHome(api, { queue: url });
    const workers = [await startWorkerIn(home), await startWorkerIn(home)];
    expect((await home.run(['enqueue', 'support'])).code).toBe(0);
    await until(() => pagesAsked(api).length >= 5, 'the fifth page is asked for');
    const running = workers.find((worker) => worker.log('page').length > 0);
    const other = workers.find((worker) => worker !== running);
    running?.child.kill('SIGKILL');
    await running?.ended;
    const before = pagesAsked(api);
    const since = api.log.length;
    await eventually(() => other !== undefined && endedOk(other), 'the other one ends the run', 60_000);
    const after = pagesAsked(api, since);
    expect(before.slice(-2)).toContain(after[0]);
    expect(before.length + after.length).toBeLessThanOrEqual(12 + 2);
    await expectExact(home);
    const runs = await home.rows('select outcome, trigger from sync_runs order by started_at');
    expect(runs.map(({ outcome }) => outcome)).toEqual(['interrupted', 'ok']);
    if (other !== undefined) expect(await stopWorker(other)).toBe(143);
  });

  test('on two hosts, the survivor makes the ledger anew from the warehouse, and status says where it is', async () => {
    const { url } = await begun(begin);
    const api = await start({ users: 1150, seed: 4 });
    const home = workerHome(api, { queue: url });
    const elsewhere = anotherHost(home, 'elsewhere');
    const first = await startWorkerIn(home);
    const done = await home.run(['enqueue', 'support', '--wait', '--json']);
    expect(json<Row>(done.stdout)).toMatchObject({ outcome: 'ok', inserted: 1150 });
    slowPages(api, 150);
    api.world.add({ name: 'Late Comer' });
    const since = api.log.length;
    await home.run(['enqueue', 'support']);
    await until(() => pagesAsked(api, since).length >= 3, 'the third page is asked for');
    const second = await startWorkerIn(home, ['--config', elsewhere]);
    first.child.kill('SIGKILL');
    await first.ended;
    await eventually(() => endedOk(second), 'the survivor ends the run', 60_000);
    expect(second.stderr()).toContain('rebuilding the ledger from the warehouse');
    await expectExact(home);
    const [status] = json<Row[]>((await home.run(['status', '--json'])).stdout);
    expect(status).toMatchObject({ last_ledger: { file: expect.stringContaining('/data/elsewhere/support.ledger') } });
    await stopWorker(second);
  });
});
