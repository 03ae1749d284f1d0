import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectOneLine, json, type RunLine } from '../support/cli.ts';
import { start } from '../support/pylon.ts';
import { eventually, startWorkerIn, stopWorker, workerHome } from '../support/workers.ts';

const EVERY_SECOND = 'schedule: "* * * * * *"';

describe('a state folder that is not there to be used', () => {
  test('ends the worker with exit 2 and names it', async () => {
    const home = workerHome(await start({ users: 10 }));
    rmSync(join(home.state, 'queue'), { recursive: true });
    writeFileSync(join(home.state, 'queue'), '');
    const { code, stderr } = await home.run(['worker']);
    expect(code).toBe(2);
    expectOneLine(stderr);
    expect(stderr).toContain(`cannot make the folder ${join(home.state, 'queue')}`);
  });
});

describe('files of an embedded queue', () => {
  test('that a killed worker was making are made anew, and what it left goes', async () => {
    const home = workerHome(await start({ users: 20, seed: 1 }));
    const queue = join(home.state, 'queue');
    rmSync(join(queue, 'pglite'), { recursive: true });
    mkdirSync(join(queue, 'pglite.new-1', 'base'), { recursive: true });
    const worker = await startWorkerIn(home);
    expect(readdirSync(queue).filter((name) => name.startsWith('pglite'))).toEqual(['pglite']);
    expect((await home.run(['enqueue', 'support', '--wait'])).code).toBe(0);
    await stopWorker(worker);
  });
});

describe('facts that cannot be read', () => {
  test('are kept aside by the next worker, which says what is lost with them', async () => {
    const home = workerHome(await start({ users: 20, seed: 1 }));
    mkdirSync(home.state, { recursive: true });
    writeFileSync(join(home.state, 'worker.sqlite'), Buffer.alloc(5000, 'x'));
    const paused = await home.run(['pause', 'support']);
    expect(paused.code).toBe(1);
    expectOneLine(paused.stderr);
    expect(paused.stderr).toContain('worker.sqlite is damaged: start `rollcall worker` anew');
    const worker = await startWorkerIn(home);
    expect(worker.stderr()).toContain('worker.sqlite could not be read; it is kept as');
    const done = await home.run(['enqueue', 'support', '--wait', '--json']);
    expect(json<RunLine>(done.stdout)).toMatchObject({ outcome: 'ok', seen: 20 });
    await stopWorker(worker);
  });
});

describe('an embedded queue that cannot be read', () => {
  test('is set aside and begins anew: schedules and pauses are there, runs are made, and a warning says so', async () => {
    const api = await start({ users: 20, seed: 1 });
    const home = workerHome(api, { settings: [EVERY_SECOND] });
    const first = await startWorkerIn(home);
    await eventually(() => first.log('run ended').length >= 2, 'two runs');
    await home.run(['pause', 'support']);
    await stopWorker(first, 'SIGKILL');
    const folder = join(home.state, 'queue', 'pglite');
    writeFileSync(join(folder, 'global', 'pg_control'), Buffer.alloc(100));
    const second = await startWorkerIn(home);
    expect(second.stderr()).toContain('the embedded queue could not be read');
    expect(existsSync(`${folder}.broken`)).toBe(true);
    const done = await home.run(['enqueue', 'support', '--wait', '--json']);
    expect(json<RunLine>(done.stdout)).toMatchObject({ outcome: 'ok', seen: 20 });
    expect(second.log('run ended').map(({ trigger }) => trigger)).toEqual(['enqueue']);
    await home.run(['resume', 'support']);
    await eventually(() => second.log('run ended').length >= 3, 'the schedule goes on');
    await stopWorker(second);
  });
});
