import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  expectOneLine,
  expectTable,
  FAST_CLOCK,
  type Home,
  json,
  makeHome,
  type Row,
  type Running,
  startProgram,
  synced,
  until,
} from '../support/cli.ts';
import { start } from '../support/pylon.ts';

const HOLDER = `
  import { DuckDBInstance } from '@duckdb/node-api';
  const instance = await DuckDBInstance.create(process.argv[1]);
  process.stderr.write('held');
  process.stdin.resume().on('end', () => instance.closeSync());
`;

/** Another program that has the warehouse open until its input ends. */
async function hold(home: Home): Promise<Running & { release(): Promise<unknown> }> {
  const checkout = fileURLToPath(new URL('../..', import.meta.url));
  const command = [process.execPath, '--input-type=module', '--eval', HOLDER, home.warehouse];
  const running = startProgram(command, checkout, { PATH: process.env.PATH ?? '' });
  await until(() => running.stderr().includes('held'), 'the other program holds the warehouse');
  return {
    ...running,
    release: () => {
      running.child.stdin?.end();
      return running.ended;
    },
  };
}

/** Times of the log, on the clock of the process that wrote it. */
const times = (stderr: string): number[] =>
  [...stderr.matchAll(/"time":"([^"]+)"/g)].map(([, time]) => Date.parse(time ?? ''));

describe('a warehouse file that another program holds', () => {
  test('is waited for and loaded as soon as it is let go', async () => {
    const home = makeHome(await start({ users: 50 }));
    await home.sync();
    home.api.world.add({ name: 'Nadia New' });
    const holder = await hold(home);
    const running = home.start(['sync', '--json', '--verbose']);
    await until(
      () => running.stderr().includes(`held by process ${holder.child.pid}`),
      'the run waits and says for whom',
    );
    await holder.release();
    expect(synced(await running.ended)).toMatchObject({ code: 0, outcome: 'ok', inserted: 1 });
    await expectTable(home);
  });

  test('for longer than half a minute ends the run, naming the program, and costs nothing', async () => {
    const home = makeHome(await start({ users: 50 }));
    await home.sync();
    home.api.world.add({ name: 'Nadia New' });
    const holder = await hold(home);
    const options = { env: { NODE_OPTIONS: `--import=${FAST_CLOCK}` } };
    const ended = await home.run(['sync', '--json', '--verbose'], options);
    const run = synced(ended);
    expect(run).toMatchObject({ code: 1, outcome: 'failed', error: { kind: 'busy', retryable: true } });
    expect(run.error?.message).toMatch(
      new RegExp(`warehouse\\.duckdb is held by process ${holder.child.pid} \\(.*30 s.*run again`),
    );
    const said = times(ended.stderr);
    expect(Math.max(...said) - Math.min(...said)).toBeGreaterThan(25_000);
    expect(Math.max(...said) - Math.min(...said), 'it waits half a minute once').toBeLessThan(45_000);
    await holder.release();
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', inserted: 1 });
    await expectTable(home);
    const runs = await home.rows('select outcome from sync_runs order by started_at');
    expect(runs.map(({ outcome }) => outcome)).toEqual(['ok', 'failed', 'ok']);
  });

  test('does not stop a question to it longer than that either', async () => {
    const home = makeHome(await start({ users: 5 }));
    await home.sync();
    const holder = await hold(home);
    const options = { env: { NODE_OPTIONS: `--import=${FAST_CLOCK}` } };
    const { code, stdout, stderr } = await home.run(['query', '--json', 'select 1'], options);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expectOneLine(stderr);
    expect(stderr).toContain(`process ${holder.child.pid}`);
    await holder.release();
  });
});

describe('a connection that another process is running', () => {
  test('is busy: exit code 1, no row of a run, and the other one ends well', async () => {
    const api = await start({ users: 50 });
    const home = makeHome(api);
    const slow = api.faults.add({
      when: (request) => request.endpoint === '/users',
      answer: { kind: 'slow', ms: 1500 },
    });
    const first = home.start(['sync', '--json']);
    await until(() => slow.fired() === 1, 'the first run reads the listing');
    const second = await home.sync();
    expect(second).toMatchObject({ code: 1, outcome: 'failed', error: { kind: 'busy', retryable: true } });
    expect(second.error?.message).toMatch(new RegExp(`process ${first.child.pid} .*support`));
    const spoken = await home.run(['sync']);
    expect(spoken.code).toBe(1);
    expect(spoken.stdout).toContain(`process ${first.child.pid}`);

    const ended = synced(await first.ended);
    expect(ended).toMatchObject({ code: 0, outcome: 'ok', inserted: 50 });
    expect(await home.rows('select run_id from sync_runs')).toEqual([{ run_id: ended.run_id }]);
    expect(json<Row[]>((await home.run(['runs', '--json'])).stdout)).toHaveLength(1);
    expect(api.log.filter(({ path }) => path === '/me')).toHaveLength(1);
  });

  test('can be asked about meanwhile', async () => {
    const api = await start({ users: 50 });
    const home = makeHome(api);
    await home.sync();
    const slow = api.faults.add({
      when: (request) => request.endpoint === '/users',
      answer: { kind: 'slow', ms: 1500 },
    });
    const first = home.start(['sync', '--json']);
    await until(() => slow.fired() === 1, 'the run reads the listing');
    const [status] = json<Row[]>((await home.run(['status', '--json'])).stdout);
    expect(status).toMatchObject({ last_run: { outcome: 'running' }, users: 50 });
    const asked = await home.run(['query', '--json', 'select count(*) as n from users']);
    expect(json<Row[]>(asked.stdout)).toEqual([{ n: 50 }]);
    expect(synced(await first.ended)).toMatchObject({ code: 0, outcome: 'ok' });
  });
});
