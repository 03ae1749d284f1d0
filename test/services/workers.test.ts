import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { begun } from '../support/begun.ts';
import { json, pagesAsked, type Row, until } from '../support/cli.ts';
import { start, startAsPublished } from '../support/pylon.ts';
import { startPostgres, startRedis } from '../support/services.ts';
import {
  anotherHost,
  endedOk,
  eventually,
  expectExact,
  slowPages,
  startWorkerIn,
  stopWorker,
  type WorkerProcess,
  workerHome,
} from '../support/workers.ts';

describe('four workers', () => {
  test('together never send more than a budget, nor after a restart, so that the server never says 429', async () => {
    const { url } = await begun(() => startRedis());
    const api = await startAsPublished({ users: 20, seed: 1, limits: { list: 12, get: 12, search: 12, write: 12 } });
    const general = ['worker: { spread: 0, http: { port: 0 } }'];
    const home = workerHome(api, { queue: url, settings: ['schedule: "* * * * * *"'], general });
    const text = readFileSync(home.config, 'utf8');
    writeFileSync(
      home.config,
      text.replace('list: 0, get: 0, search: 0, write: 0', 'list: 12, get: 12, search: 12, write: 12'),
    );
    const hosts = [home.config, anotherHost(home, 'two'), anotherHost(home, 'three'), anotherHost(home, 'four')];
    const workers = await Promise.all(hosts.map((file) => startWorkerIn(home, ['--config', file])));
    const waits = (worker: WorkerProcess): boolean => worker.log('waiting').some(({ reason }) => reason === 'budget');
    await eventually(() => workers.some(waits), 'the budget is used up', 90_000);
    const used = api.log.length;
    expect(
      new Set(workers.flatMap((worker) => (worker.log('run ended').length > 0 ? [worker.child.pid] : []))).size,
    ).toBeGreaterThan(1);
    for (const worker of workers) {
      worker.child.kill('SIGKILL');
      await worker.ended;
    }
    const again = await startWorkerIn(home);
    await home.run(['enqueue', 'support']);
    await eventually(() => waits(again), 'the minute is remembered', 60_000);
    expect(api.log.length - used).toBeLessThanOrEqual(3);
    expect(api.log.filter(({ status }) => status === 429)).toEqual([]);
    for (const path of ['/me', '/users']) {
      const asked = api.log.filter((request) => new URL(request.path, 'http://x').pathname === path);
      expect(asked.length).toBeLessThanOrEqual(12);
    }
    await stopWorker(again);
  });

  test('take free ports and share the connections; each time of a schedule has one run', async () => {
    const { url } = await begun(() => startRedis());
    const api = await start({ users: 10, seed: 1 });
    const home = workerHome(api, { queue: url, settings: ['schedule: "*/2 * * * * *"'] });
    const workers = await Promise.all([1, 2, 3, 4].map(() => startWorkerIn(home)));
    expect(new Set(workers.map(({ http }) => http)).size).toBe(4);
    await eventually(() => workers.flatMap((worker) => worker.log('run ended')).length >= 5, 'five runs');
    await Promise.all(workers.map((worker) => stopWorker(worker)));
    const rows = await home.rows("select scheduled_at, outcome from sync_runs where outcome = 'ok'");
    expect(new Set(rows.map(({ scheduled_at }) => scheduled_at)).size).toBe(rows.length);
  });
});

describe.each([
  { name: 'a Redis', begin: () => startRedis() },
  { name: 'a Postgres', begin: startPostgres },
])('$name that goes away', ({ begin }) => {
  test('and comes back in mid-run costs nothing: the run ends once, the schedule goes on', async () => {
    const redis = await begun(begin);
    const api = await start({ users: 1150, seed: 4 });
    slowPages(api, 200);
    const home = workerHome(api, { queue: redis.url });
    const worker = await startWorkerIn(home);
    await home.run(['enqueue', 'support']);
    await until(() => pagesAsked(api).length >= 3, 'the third page is asked for');
    const ready = async (): Promise<number> => (await fetch(`${worker.http}/readyz`)).status;
    expect(await ready()).toBe(200);
    await redis.kill();
    await eventually(async () => (await ready()) === 503, 'the worker says that it is not ready');
    expect((await fetch(`${worker.http}/healthz`)).status).toBe(200);
    const headers = { authorization: `Bearer ${readFileSync(join(home.state, 'worker.token'), 'utf8').trim()}` };
    const body = JSON.stringify({ connection: 'support', kind: 'backfill' });
    expect((await fetch(`${worker.http}/runs`, { method: 'POST', headers, body })).status).toBe(503);
    await redis.start();
    await eventually(async () => (await ready()) === 200, 'the worker is ready again');
    await eventually(() => endedOk(worker), 'the run ends');
    const done = await home.run(['enqueue', 'support', '--wait', '--json']);
    expect(json<Row>(done.stdout)).toMatchObject({ outcome: 'ok', unchanged: 1150 });
    expect(await stopWorker(worker)).toBe(143);
    await expectExact(home);
    const runs = await home.rows('select outcome from sync_runs order by started_at');
    expect(runs.map(({ outcome }) => outcome)).toEqual(['ok', 'ok']);
  });
});

describe('a Redis that lost everything', () => {
  test('is given its schedules again', async () => {
    const redis = await begun(() => startRedis());
    const api = await start({ users: 10, seed: 1 });
    const home = workerHome(api, { queue: redis.url, settings: ['schedule: "*/2 * * * * *"'] });
    const worker = await startWorkerIn(home);
    await eventually(() => worker.log('run ended').length >= 1, 'a run');
    const client = new Redis(redis.port, '127.0.0.1');
    await client.flushall();
    client.disconnect();
    const before = worker.log('run ended').length;
    await eventually(() => worker.log('run ended').length >= before + 2, 'the schedule goes on', 60_000);
    await stopWorker(worker);
  });
});

describe('a queue that cannot be had', () => {
  test.each([
    ['redis://127.0.0.1:1', 1, 'cannot reach the queue at redis://127.0.0.1:1'],
    ['postgres://nobody@127.0.0.1:1/x', 1, 'cannot reach the queue at postgres://127.0.0.1:1/x'],
  ])('%s ends the worker, and what is handed over, with %i', async (queue, code, words) => {
    const home = workerHome(await start({ users: 5 }), { queue });
    for (const args of [['worker'], ['enqueue', 'support'], ['pause', 'support']]) {
      const ended = await home.run(args);
      expect(ended.code).toBe(code);
      expect(ended.stderr).toContain(words);
      expect(ended.stderr).not.toMatch(/\bat .*\.(ts|js):\d+/);
    }
    const status = await home.run(['status', '--json']);
    expect(status.code).toBe(0);
    expect(status.stderr).toContain(words);
  });

  test('a Redis that forgets when its memory is full is named once, with what to set', async () => {
    const redis = await begun(() => startRedis(['--maxmemory-policy', 'allkeys-lru']));
    const worker = await startWorkerIn(workerHome(await start({ users: 5 }), { queue: redis.url }));
    const warned = worker.log().filter(({ msg }) => msg.includes('set maxmemory-policy noeviction'));
    expect(warned).toMatchObject([{ level: 'warn' }]);
    expect(await stopWorker(worker)).toBe(143);
    for (const line of worker.stderr().split('\n')) if (line !== '') expect(line).toMatch(/^\{.*\}$/);
  });

  test('a Redis that follows another one is refused, with exit 2', async () => {
    const redis = await begun(() => startRedis());
    const client = new Redis(redis.port, '127.0.0.1');
    await client.call('replicaof', '127.0.0.1', '1');
    client.disconnect();
    const ended = await workerHome(await start({ users: 5 }), { queue: redis.url }).run(['worker']);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('is a read-only replica');
  });

  test('a Postgres user who may not make schemas is told which right is missing', async () => {
    const { url } = await begun(startPostgres);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('create role guest login');
    await client.query('create database guests');
    await client.end();
    const theirs = url.replace('rollcall@', 'guest@').replace(/postgres$/, 'guests');
    const ended = await workerHome(await start({ users: 5 }), { queue: theirs }).run(['worker']);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('grant create on database');
  });

  test('a wrong password is named, and never shown', async () => {
    const redis = await begun(() => startRedis());
    const client = new Redis(redis.port, '127.0.0.1');
    await client.config('SET', 'requirepass', 'right-password');
    client.disconnect();
    const home = workerHome(await start({ users: 5 }), {
      queue: `redis://:\${QUEUE_PASSWORD}@127.0.0.1:${redis.port}`,
    });
    const ended = await home.run(['worker'], { env: { QUEUE_PASSWORD: 'wrong-password' } });
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('does not let us in');
    expect(ended.stderr).not.toContain('wrong-password');
  });
});
