import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Config } from '../../config/types.ts';
import { deskOf } from '../../jobs/desk.ts';
import type { Backend } from '../../jobs/queue/backend.ts';
import { openBackend } from '../../jobs/queue/open-backend.ts';
import type { RunData } from '../../jobs/requests.ts';
import { handleRun } from '../../jobs/runs.ts';
import { beginSchedules, keepSchedules } from '../../jobs/schedules.ts';
import type { PylonApi } from '../../src/demo/pylon/server.ts';
import { expectTable, type Home, pagesAsked, smallPages, until } from './cli.ts';
import { start } from './pylon.ts';
import { configOfHome, type OwnWorker, ownWorker } from './queues.ts';
import { storeContract } from './store-suite.ts';
import { eventually, slowPages, workerHome } from './workers.ts';

/** A kind of queue under test. */
export interface QueueDriver {
  readonly name: string;
  /** queue.url; undefined for the embedded one. */
  url(): string | undefined;
}

const asked: RunData = {
  connection: 'support',
  kind: 'sync',
  trigger: 'enqueue',
  scheduled_at: null,
  allow_deletes: false,
};
const YEARLY = 'schedule: "0 0 1 1 *"';
const EVERY_SECOND = 'schedule: "* * * * * *"';

const workers: OwnWorker[] = [];
const backends: Backend[] = [];
let prefix = 0;

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
  for (const backend of backends.splice(0)) {
    await backend.store.close();
    await backend.close();
  }
});

async function begin(config: Config, change?: Parameters<typeof ownWorker>[1]): Promise<OwnWorker> {
  const worker = await ownWorker(config, change);
  workers.push(worker);
  return worker;
}

async function end(worker: OwnWorker): Promise<void> {
  workers.splice(workers.indexOf(worker), 1);
  expect(await worker.stop()).toBe(true);
}

/** Runs that ended, in the order of their ends. */
const ran = (worker: OwnWorker) => worker.told('run ended');

/** The promises of a queue, over one kind of it. Each test has keys of its own. */
export function queueContract({ name, url }: QueueDriver): void {
  const home = (api: PylonApi, settings: readonly string[] = [], general: readonly string[] = []): Home => {
    const place = url();
    const queue = `queue: { ${place === undefined ? '' : `url: "${place}", `}prefix: test-${prefix} }`;
    return workerHome(api, { settings, general: [queue, ...general] });
  };
  const open = async (made: Home): Promise<Backend> => {
    const backend = await openBackend(await configOfHome(made), {
      ms: 5000,
      warn: (message) => expect.unreachable(message),
      fatal: (error) => expect.unreachable(error.message),
    });
    backends.push(backend);
    return backend;
  };

  beforeEach(() => {
    prefix += 1;
  });

  storeContract(name, async () => (await open(home(await start()))).store);

  describe(`${name}: runs`, () => {
    test('a run that is handed over is made, and its counts are the result of its job', async () => {
      const api = await start({ users: 30, seed: 1 });
      const made = home(api);
      const worker = await begin(await configOfHome(made));
      const desk = deskOf(worker.shop.runs);
      const id = await desk.enqueue(asked);
      await eventually(async () => (await desk.look(id))?.state === 'completed', 'the job is completed');
      const job = await desk.look(id);
      expect(job?.result).toMatchObject({
        run: { outcome: 'ok', trigger: 'enqueue', counts: { seen: 30, inserted: 30 } },
      });
      expect(JSON.stringify(await worker.shop.runs.getJob(id))).not.toContain(api.token);
      await expectTable(made);
    });

    test('a job that is done a second time has the run that it made as its result, and makes no other', async () => {
      const api = await start({ users: 30, seed: 1 });
      const worker = await begin(await configOfHome(home(api)));
      const { shop } = worker;
      const id = await deskOf(shop.runs).enqueue(asked);
      await eventually(async () => (await deskOf(shop.runs).look(id))?.state === 'completed', 'the job is completed');
      const job = await shop.runs.getJob(id);
      if (job === undefined) throw new Error('a completed job is kept');
      expect(await handleRun(shop, job)).toEqual(job.returnvalue);
      expect(ran(worker)).toHaveLength(1);
    });

    test('a tick comes to nothing while a run of the connection waits, and while it runs', async () => {
      const api = await start({ users: 1150, seed: 1 });
      slowPages(api, 150);
      const made = home(api, [EVERY_SECOND]);
      const worker = await begin(await configOfHome(made));
      await eventually(() => ran(worker).length >= 2, 'two runs ended');
      const { shop } = worker;
      expect(
        Number((await shop.runs.getJobCounts('active', 'waiting', 'prioritized', 'delayed')).active),
      ).toBeLessThanOrEqual(1);
      await end(worker);
      const rows = await made.rows('select started_at, finished_at, outcome from sync_runs order by started_at');
      rows.slice(1).forEach((row, i) => {
        expect(String(row.started_at) >= String(rows[i]?.finished_at)).toBe(true);
      });
    });

    test('two runs of one connection never run at once; the second one waits without failing', async () => {
      const api = await start({ users: 1150, seed: 1 });
      slowPages(api, 100);
      const worker = await begin(await configOfHome(home(api)));
      const desk = deskOf(worker.shop.runs);
      const first = await desk.enqueue(asked);
      // Of two that are handed over at one moment either may be the first.
      await until(() => pagesAsked(api).length >= 1, 'the first run reads');
      const ids = [first, await desk.enqueue({ ...asked, kind: 'backfill' })];
      await eventually(() => ran(worker).length === 2, 'both runs ended');
      expect(ran(worker).map(({ kind }) => kind)).toEqual(['sync', 'backfill']);
      for (const id of ids)
        await eventually(async () => (await desk.look(id))?.state === 'completed', 'both jobs are completed');
      expect((await desk.look(ids[1] ?? ''))?.attempts).toBeLessThanOrEqual(1);
      expect(worker.told('parked').length).toBeGreaterThan(0);
    });

    test('a long wait of the server parks the job: not failed, its scan open, its lease free', async () => {
      const api = await start({ users: 1150, seed: 1 });
      smallPages(api);
      api.faults.add({
        when: ({ endpoint, query, nth }) => endpoint === '/users' && query.has('cursor') && nth >= 4,
        answer: { kind: 'status', status: 429, headers: { 'X-Retry-After': '12' } },
      });
      const made = home(api);
      const worker = await begin(await configOfHome(made));
      const desk = deskOf(worker.shop.runs);
      const id = await desk.enqueue(asked);
      await eventually(() => worker.told('parked').length === 1, 'the job is parked');
      const parked = await desk.look(id);
      expect(parked).toMatchObject({ state: 'delayed', attempts: 0, progress: { waiting: { reason: 'rate-limit' } } });
      const [status] = JSON.parse((await made.run(['status', '--json'])).stdout) as { open_scan: { pages: number } }[];
      expect(status?.open_scan.pages).toBeGreaterThan(0);
      expect(worker.told('Rollcall: support failed')).toEqual([]);
      await eventually(async () => (await desk.look(id))?.state === 'completed', 'the job goes on and ends');
      expect(ran(worker).map(({ outcome }) => outcome)).toEqual(['interrupted', 'ok']);
      expect(Number(ran(worker)[1]?.pages)).toBeLessThan(12);
      expect(await worker.shop.metrics.registry.metrics()).toMatch(
        /rollcall_wait_seconds_total\{connection="support",reason="rate-limit"\} 1[12]/,
      );
      await expectTable(made);
    });

    test('what passes is tried again, what does not is not', async () => {
      const api = await start({ users: 10, seed: 1 });
      const broken = api.faults.add({ when: { path: '/me' }, answer: { kind: 'status', status: 500 }, times: 5 });
      const worker = await begin(await configOfHome(home(api)));
      const desk = deskOf(worker.shop.runs);
      vi.spyOn(Math, 'random').mockReturnValue(0);
      const id = await desk.enqueue(asked);
      await eventually(async () => (await desk.look(id))?.state === 'completed', 'the second attempt ends well');
      expect(ran(worker).map(({ outcome }) => outcome)).toEqual(['failed', 'ok']);
      expect(broken.fired()).toBe(5);
      api.faults.add({ when: { path: '/me' }, answer: { kind: 'status', status: 403 }, times: 9 });
      const bad = await desk.enqueue(asked);
      await eventually(async () => (await desk.look(bad))?.state === 'failed', 'the other one fails for good');
      expect(await desk.look(bad)).toMatchObject({ attempts: 1, progress: { run: { error: { kind: 'permission' } } } });
    });

    test('what a person asks for goes before what is due', async () => {
      const api = await start({ users: 1150, seed: 1 });
      slowPages(api, 50);
      const made = home(api, [], ['worker: { concurrency: 1, http: false }']);
      const worker = await begin(await configOfHome(made));
      const { runs } = worker.shop;
      const desk = deskOf(runs);
      await desk.enqueue(asked);
      await eventually(async () => (await runs.getJobCounts('active')).active === 1, 'the only slot is taken');
      await runs.add(
        'sync',
        { ...asked, trigger: 'schedule', scheduled_at: new Date().toISOString() },
        { priority: 2 },
      );
      await desk.enqueue({ ...asked, kind: 'backfill' });
      await eventually(() => ran(worker).length >= 2, 'two runs ended');
      expect(ran(worker)[1]).toMatchObject({ kind: 'backfill' });
    });
  });

  describe(`${name}: schedules`, () => {
    test('are equal to the configuration after each start: added, changed, removed', async () => {
      const api = await start({ users: 5, seed: 1 });
      const made = home(api, [YEARLY]);
      const first = await begin(await configOfHome(made));
      expect(await first.shop.ticks.getJobSchedulers()).toMatchObject([
        { key: 'support', pattern: '0 0 1 1 *', tz: 'UTC' },
      ]);
      await end(first);
      const text = readFileSync(made.config, 'utf8');
      writeFileSync(
        made.config,
        text
          .replace('0 0 1 1 *', '0 0 2 1 *')
          .concat(text.slice(text.indexOf('  support:')).replace('support:', 'other:')),
      );
      const second = await begin(await configOfHome(made));
      const found = (await second.shop.ticks.getJobSchedulers()).toSorted((a, b) => a.key.localeCompare(b.key));
      expect(found).toMatchObject([
        { key: 'other', pattern: '0 0 1 1 *' },
        { key: 'support', pattern: '0 0 2 1 *' },
      ]);
      await end(second);
      writeFileSync(made.config, text.replace(YEARLY, ''));
      const third = await begin(await configOfHome(made));
      expect(await third.shop.ticks.getJobSchedulers()).toEqual([]);
      expect(
        third
          .told('schedule removed')
          .map(({ connection }) => connection)
          .toSorted(),
      ).toEqual(['other', 'support']);
      expect(await third.shop.ticks.getJobCounts('delayed', 'waiting')).toEqual({ delayed: 0, waiting: 0 });
    });

    test('are those of the worker that was started last, also while one with an older configuration is there', async () => {
      const api = await start({ users: 5, seed: 1 });
      const made = home(api, [YEARLY]);
      const config = await configOfHome(made);
      const worker = await begin(config);
      const older = { ...worker.shop, config: { ...config, connections: new Map() } };
      await keepSchedules(older);
      expect(await worker.shop.ticks.getJobSchedulers()).toHaveLength(1);
      await worker.shop.ticks.removeJobScheduler('support');
      await keepSchedules(worker.shop);
      expect(await worker.shop.ticks.getJobSchedulers()).toHaveLength(1);
      await beginSchedules(older);
      expect(await worker.shop.ticks.getJobSchedulers()).toEqual([]);
    });

    test('missed times give one run, and a new or changed schedule none', async () => {
      const api = await start({ users: 5, seed: 1 });
      const made = home(api, ['schedule: "0 * * * *"']);
      const config = await configOfHome(made);
      const past = Date.now() - 5 * 3600_000;
      const first = await begin(config, (tools) => ({ ...tools, now: () => past }));
      expect(ran(first)).toEqual([]);
      await end(first);
      const second = await begin(config);
      await eventually(() => ran(second).length > 0, 'one run makes up for what was missed');
      const [run] = await made.rows('select scheduled_at from sync_runs');
      const due = new Date(String(run?.scheduled_at).replace(' ', 'T').replace(/\+00$/, 'Z'));
      expect(due.getTime()).toBe(Math.floor(Date.now() / 3600_000) * 3600_000);
      await end(second);
      const third = await begin(config);
      expect(await third.shop.runs.getJobCounts('active', 'waiting', 'prioritized', 'delayed')).toEqual({
        active: 0,
        waiting: 0,
        prioritized: 0,
        delayed: 0,
      });
      expect(second.told('run ended')).toHaveLength(1);
    });

    test('come back when the store has lost them', async () => {
      const api = await start({ users: 5, seed: 1 });
      const worker = await begin(await configOfHome(home(api, [YEARLY])));
      await worker.shop.ticks.obliterate({ force: true });
      expect(await worker.shop.ticks.getJobSchedulers()).toEqual([]);
      await keepSchedules(worker.shop);
      expect(await worker.shop.ticks.getJobSchedulers()).toMatchObject([{ key: 'support' }]);
    });
  });
}
