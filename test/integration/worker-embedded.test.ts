import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  expectNoSecret,
  expectOneLine,
  expectTable,
  json,
  pagesAsked,
  type Row,
  type RunLine,
  until,
} from '../support/cli.ts';
import { start } from '../support/pylon.ts';
import { eventually, slowPages, startWorkerIn, stopWorker, workerHome } from '../support/workers.ts';

const EVERY_SECOND = 'schedule: "* * * * * *"';
const NEVER = 'schedule: "0 0 1 1 *"';

describe('a worker with nothing but its state folder', () => {
  test('runs a connection on its schedule, leaves no file open, and says what it did', async () => {
    const api = await start({ users: 120, seed: 3 });
    const home = workerHome(api, { settings: [EVERY_SECOND] });
    const worker = await startWorkerIn(home);
    await eventually(() => worker.log('run ended').length >= 3, 'three runs');
    await expectTable(home);
    const [line] = json<Row[]>((await home.run(['schedules', '--json'])).stdout);
    expect(line).toMatchObject({ connection: 'support', schedule: '* * * * * *', timezone: 'UTC' });
    expect(Date.parse(String(line?.next_at))).toBeGreaterThan(Date.parse(String(line?.last_at)));
    expect(line).not.toHaveProperty('paused');
    const [status] = json<Row[]>((await home.run(['status', '--json'])).stdout);
    expect(status).toMatchObject({ paused: false, last_ledger: { file: join(home.state, 'support.ledger') } });
    expect(await stopWorker(worker)).toBe(143);
    const rows = await home.rows(
      'select trigger, outcome, kind, scheduled_at, started_at from sync_runs order by started_at',
    );
    for (const row of rows.filter(({ outcome }) => outcome === 'ok')) {
      expect(row).toMatchObject({ trigger: 'schedule', kind: 'sync' });
      expect(String(row.scheduled_at)).toMatch(/:\d\d(\.0+)?(\+00|Z)?$/);
      expect(Date.parse(`${row.started_at}`)).toBeGreaterThanOrEqual(Date.parse(`${row.scheduled_at}`));
    }
    expect(rows.length).toBeGreaterThanOrEqual(3);
    expectNoSecret(home, api.token, [await worker.ended]);
  });

  test('goes on at its page after a kill and a restart', async () => {
    const api = await start({ users: 1150, seed: 4 });
    slowPages(api, 120);
    const home = workerHome(api, { settings: [NEVER] });
    const first = await startWorkerIn(home);
    expect((await home.run(['enqueue', 'support'])).code).toBe(0);
    await until(() => pagesAsked(api).length >= 5, 'the fifth page is asked for');
    first.child.kill('SIGKILL');
    await first.ended;
    const before = pagesAsked(api);
    const since = api.log.length;
    const second = await startWorkerIn(home);
    await eventually(() => second.log('run ended').some(({ outcome }) => outcome === 'ok'), 'the run ends');
    const after = pagesAsked(api, since);
    expect(before.slice(-2)).toContain(after[0]);
    expect(before.length + after.length).toBeLessThanOrEqual(12 + 2);
    await expectTable(home);
    await stopWorker(second);
  });

  test.each([
    { signal: 'SIGTERM', code: 143 },
    { signal: 'SIGINT', code: 130 },
  ] as const)(
    'ends the page on $signal with $code, and the next worker goes on behind it',
    async ({ signal, code }) => {
      const api = await start({ users: 1150, seed: 4 });
      slowPages(api, 100);
      const home = workerHome(api);
      const first = await startWorkerIn(home);
      await home.run(['enqueue', 'support']);
      await until(() => pagesAsked(api).length >= 4, 'the fourth page is asked for');
      const asked = performance.now();
      expect(await stopWorker(first, signal)).toBe(code);
      expect(performance.now() - asked).toBeLessThan(10_000);
      expect(first.log('worker stopped')).toMatchObject([{ clean: true }]);
      const before = pagesAsked(api);
      const since = api.log.length;
      const second = await startWorkerIn(home);
      await eventually(() => second.log('run ended').some(({ outcome }) => outcome === 'ok'), 'the run ends');
      const after = pagesAsked(api, since);
      expect(before.slice(-2)).toContain(after[0]);
      expect(before.length + after.length).toBeLessThanOrEqual(12 + 2);
      await stopWorker(second);
      const runs = await home.rows('select outcome, trigger from sync_runs order by started_at');
      expect(runs.map(({ outcome }) => outcome)).toEqual(['interrupted', 'ok']);
      await expectTable(home);
    },
  );

  test('is the only one: a second one is told who has the queue, and every connection still runs once', async () => {
    const api = await start({ users: 10, seed: 1 });
    const home = workerHome(api);
    const worker = await startWorkerIn(home);
    const { code, stderr } = await home.run(['worker']);
    expect(code).toBe(1);
    expectOneLine(stderr);
    expect(stderr).toContain(`process ${worker.child.pid} on`);
    expect(stderr).toContain('is for one worker');
    await stopWorker(worker);
  });
});

describe('handing over runs', () => {
  test('--wait prints the run as sync does, with its exit code', async () => {
    const api = await start({ users: 60, seed: 2 });
    const home = workerHome(api);
    const worker = await startWorkerIn(home);
    const done = await home.run(['enqueue', 'support', '--wait', '--json']);
    expect(done.code, `${done.stderr}${done.stdout}`).toBe(0);
    expect(json<RunLine>(done.stdout)).toMatchObject({
      connection: 'support',
      kind: 'sync',
      outcome: 'ok',
      seen: 60,
      inserted: 60,
    });
    const again = await home.run(['enqueue', 'support', '--backfill', '--wait', '--json']);
    expect(json<RunLine>(again.stdout)).toMatchObject({ kind: 'backfill', outcome: 'ok', unchanged: 60 });
    const [user] = api.world.users();
    const one = await home.run(['enqueue', 'support', '--id', String(user?.id), '--wait', '--json']);
    expect(json<RunLine>(one.stdout)).toMatchObject({ kind: 'resync', outcome: 'ok', seen: 1 });
    await stopWorker(worker);
    const rows = await home.rows('select kind, trigger, scheduled_at from sync_runs order by started_at');
    expect(rows.map(({ kind }) => kind)).toEqual(['sync', 'backfill', 'resync']);
    expect(rows.every(({ trigger, scheduled_at }) => trigger === 'enqueue' && scheduled_at === null)).toBe(true);
  });

  test('a wrong token fails at once with exit 1, and is not tried again', async () => {
    const api = await start({ users: 10, seed: 1 });
    const home = workerHome(api);
    writeFileSync(join(home.folder, '.env'), 'PYLON_TOKEN=wrong-token-of-somebody\n');
    const worker = await startWorkerIn(home);
    const { code, stdout } = await home.run(['enqueue', 'support', '--wait', '--json']);
    expect(code).toBe(1);
    expect(json<RunLine>(stdout)).toMatchObject({ outcome: 'failed', error: { kind: 'auth', retryable: false } });
    expect(api.log.length).toBe(1);
    await stopWorker(worker);
    expectNoSecret(home, 'wrong-token-of-somebody', [await worker.ended]);
  });

  test('--wait outlives the worker, and tells how the run ended that the next one went on with', async () => {
    const api = await start({ users: 1150, seed: 4 });
    slowPages(api, 120);
    const home = workerHome(api);
    const first = await startWorkerIn(home);
    const waiting = home.start(['enqueue', 'support', '--wait', '--json']);
    await until(() => pagesAsked(api).length >= 3, 'the third page is asked for');
    await stopWorker(first, 'SIGKILL');
    const second = await startWorkerIn(home);
    const { code, stdout, stderr } = await waiting.ended;
    expect(code, stderr).toBe(0);
    expect(json<RunLine>(stdout)).toMatchObject({ outcome: 'ok', seen: 1150 });
    await stopWorker(second);
  });

  test('with worker.http false it names the setting, with exit 2', async () => {
    const home = workerHome(await start({ users: 10 }), { general: ['worker: { http: false }'] });
    const { code, stderr } = await home.run(['enqueue', 'support']);
    expect(code).toBe(2);
    expectOneLine(stderr);
    expect(stderr).toContain('worker.http is false');
  });

  test('the worker of another folder, at the port of one that was killed, is not taken for it', async () => {
    const api = await start({ users: 10, seed: 1 });
    const home = workerHome(api);
    const other = await startWorkerIn(workerHome(api));
    mkdirSync(home.state, { recursive: true });
    writeFileSync(join(home.state, 'worker.json'), JSON.stringify({ pid: 1, url: other.http, since: '' }));
    writeFileSync(join(home.state, 'worker.token'), 'x'.repeat(40));
    const { code, stderr } = await home.run(['enqueue', 'support']);
    expect(code).toBe(1);
    expect(stderr).toContain('no worker is running');
    await stopWorker(other);
  });

  test('without a worker it says so and what to do', async () => {
    const api = await start({ users: 10, seed: 1 });
    const home = workerHome(api);
    const { code, stderr } = await home.run(['enqueue', 'support']);
    expect(code).toBe(1);
    expectOneLine(stderr);
    expect(stderr).toContain('no worker is running');
    expect(stderr).toContain('rollcall sync support');
  });

  test('what a killed worker left behind is no worker', async () => {
    const api = await start({ users: 10, seed: 1 });
    const home = workerHome(api);
    const worker = await startWorkerIn(home);
    expect(existsSync(join(home.state, 'worker.json'))).toBe(true);
    await stopWorker(worker, 'SIGKILL');
    const { code, stderr } = await home.run(['enqueue', 'support']);
    expect(code).toBe(1);
    expect(stderr).toContain('no worker is running');
  });

  test.each([
    [['enqueue', 'nobody'], 'no connection is called nobody'],
    [['enqueue', 'support', '--backfill', '--id', 'x'], 'give one of them'],
    [['enqueue', 'support', '--id', 'x', '--allow-deletes'], '--allow-deletes is for a complete scan'],
    [['pause', 'nobody'], 'no connection is called nobody'],
  ])('%j is refused with exit 2', async (args, words) => {
    const api = await start({ users: 10, seed: 1 });
    const { code, stderr } = await workerHome(api).run(args);
    expect(code).toBe(2);
    expect(stderr).toContain(words);
  });
});

describe('pausing', () => {
  test('keeps the schedule from starting runs, over a restart, until it is resumed; what is handed over runs', async () => {
    const api = await start({ users: 20, seed: 1 });
    const home = workerHome(api, { settings: [EVERY_SECOND] });
    expect((await home.run(['pause', 'support', '--json'])).stdout).toBe('{"connection":"support","paused":true}\n');
    const worker = await startWorkerIn(home);
    const { code, stdout } = await home.run(['enqueue', 'support', '--wait', '--json']);
    expect(code, stdout).toBe(0);
    const [line] = json<Row[]>((await home.run(['schedules', '--json'])).stdout);
    expect(line).toMatchObject({ paused: true, last_at: null });
    expect(worker.log('run ended').map(({ trigger }) => trigger)).toEqual(['enqueue']);
    await home.run(['resume', 'support']);
    await eventually(
      () => worker.log('run ended').some(({ trigger }) => trigger === 'schedule'),
      'the schedule starts a run',
    );
    await stopWorker(worker);
  });
});
