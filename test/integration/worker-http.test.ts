import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Row } from '../support/cli.ts';
import { start } from '../support/pylon.ts';
import { eventually, startWorkerIn, stopWorker, workerHome } from '../support/workers.ts';

describe('the HTTP side', () => {
  test('is open for health and metrics, and wants the token of a 0600 file for the rest', async () => {
    const api = await start({ users: 30, seed: 1 });
    const home = workerHome(api);
    const worker = await startWorkerIn(home);
    const ask = (path: string, init?: RequestInit): Promise<Response> =>
      fetch(new URL(path, String(worker.http)), init);
    const file = join(home.state, 'worker.token');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const token = readFileSync(file, 'utf8').trim();
    expect(await (await ask('/healthz')).json()).toEqual({ status: 'ok' });
    expect((await ask('/readyz')).status).toBe(200);
    expect((await ask('/nowhere')).status).toBe(404);
    expect((await ask('/runs')).status).toBe(405);
    const run = { method: 'POST', body: JSON.stringify({ connection: 'support', kind: 'sync' }) };
    expect((await ask('/runs', run)).status).toBe(401);
    expect((await ask('/runs', { ...run, headers: { authorization: 'Bearer no' } })).status).toBe(401);
    expect((await ask('/schedules')).status).toBe(401);
    const headers = { authorization: `Bearer ${token}` };
    const taken = await ask('/runs', { ...run, headers });
    expect(taken.status).toBe(202);
    const { job_id } = (await taken.json()) as { job_id: string };
    await eventually(
      async () => ((await (await ask(`/runs/${job_id}`, { headers })).json()) as Row).state === 'completed',
      'the run is completed',
    );
    for (const body of [
      '{"connection":"nobody"}',
      '{"connection":1}',
      '{',
      '{"connection":"support","kind":"all"}',
      '{"connection":"support","oops":1}',
    ])
      expect((await ask('/runs', { method: 'POST', body, headers })).status).toBe(400);
    const metrics = await (await ask('/metrics')).text();
    expect(metrics).toContain('rollcall_runs_total{connection="support",kind="sync",outcome="ok"} 1');
    expect(metrics).toContain('rollcall_users_total{connection="support",change="inserted"} 30');
    expect(metrics).toMatch(/rollcall_requests_total\{connection="support",call="list",status="200"\} 1/);
    expect(metrics).toMatch(/rollcall_freshness_seconds\{connection="support"\} \d/);
    expect(metrics).toContain('rollcall_queue_jobs{state="completed"} 1');
    expect(metrics).toContain('rollcall_batch_seconds_count 1');
    await stopWorker(worker);
  });

  test('at an address that is not of this machine ends the worker with exit 2', async () => {
    const home = workerHome(await start({ users: 10 }), {
      general: ['worker: { http: { host: 192.0.2.7, port: 9464 } }'],
    });
    const { code, stderr } = await home.run(['worker']);
    expect(code).toBe(2);
    expect(stderr).toContain('cannot listen on 192.0.2.7:9464');
  });

  test('takes a free port where its own is taken, and can be turned off', async () => {
    const api = await start({ users: 10, seed: 1 });
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const home = workerHome(api, { general: [`worker: { http: { port: ${port} } }`] });
    const worker = await startWorkerIn(home);
    expect(worker.http).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(worker.http).not.toContain(`:${port}`);
    await stopWorker(worker);
    taken.close();
    const quiet = workerHome(api, { general: ['worker: { http: false }'] });
    const silent = await startWorkerIn(quiet);
    expect(silent.http).toBe(false);
    expect(existsSync(join(quiet.state, 'worker.json'))).toBe(false);
    await stopWorker(silent);
  });
});
