import { existsSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { tidy } from '../../jobs/retention.ts';
import { json, type Row } from '../support/cli.ts';
import { start } from '../support/pylon.ts';
import { configOfHome, type OwnWorker, ownWorker } from '../support/queues.ts';
import { workerHome } from '../support/workers.ts';

const workers: OwnWorker[] = [];

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
});

const DAY = 86_400_000;

describe('retention', () => {
  test('deletes runs, rejected records and spool files that are too old, and says each', async () => {
    const api = await start({ users: 30, seed: 1 });
    api.faults.add({
      when: ({ endpoint }) => endpoint === '/users',
      answer: { kind: 'record', json: '{"name":"nobody"}' },
      times: 99,
    });
    const home = workerHome(api, { general: ['retention: { runs: 10d, rejected: 20d, spools: 5d }'] });
    for (let i = 0; i < 25; i += 1) expect((await home.run(['sync', '--quiet'])).code).toBe(0);
    const worker = await ownWorker(await configOfHome(home));
    workers.push(worker);
    const { shop } = worker;
    const at = (days: number) => ({ ...shop, tools: { ...shop.tools, now: () => Date.now() + days * DAY } });
    const spool = (name: string): string => join(home.state, 'spool', name);
    for (const name of ['support.99.ndjson', 'gone.1.ndjson']) {
      writeFileSync(spool(name), '{}\n');
      utimesSync(spool(name), new Date(), new Date());
    }

    await tidy(at(4));
    expect(worker.said.filter(({ message }) => message.startsWith('deleted'))).toEqual([]);

    await tidy(at(11));
    const runs = json<Row[]>((await home.run(['runs', '--json', '--limit', '100'])).stdout);
    // The newest stay, so that a status can be told.
    expect(runs).toHaveLength(20);
    expect(await home.rows('select count(*) as n from sync_runs')).toEqual([{ n: 0 }]);
    expect(await home.rows('select count(*) as n from rejected_records')).toEqual([{ n: 1 }]);
    expect(existsSync(spool('gone.1.ndjson'))).toBe(false);
    expect(worker.told('deleted: too old')).toMatchObject([
      { connection: 'support', what: 'runs', count: 5 },
      { from: 'sync_runs', count: 25 },
    ]);

    await tidy(at(21));
    expect(await home.rows('select count(*) as n from rejected_records')).toEqual([{ n: 0 }]);
    expect(json<Row[]>((await home.run(['rejected', 'list', '--json'])).stdout)).toEqual([]);
    expect(await home.rows('select count(*) as n from users')).toEqual([{ n: 30 }]);
    expect((await home.sync()).outcome).toBe('ok');
  });

  test('forever keeps everything, and a connection that runs is left alone', async () => {
    const api = await start({ users: 5, seed: 1 });
    const home = workerHome(api, { general: ['retention: { runs: forever, rejected: forever, spools: forever }'] });
    await home.run(['sync']);
    const worker = await ownWorker(await configOfHome(home));
    workers.push(worker);
    const { shop } = worker;
    const release = shop.tools.lease('support');
    await tidy({ ...shop, tools: { ...shop.tools, now: () => Date.now() + 1000 * DAY } });
    release();
    await tidy({ ...shop, tools: { ...shop.tools, now: () => Date.now() + 1000 * DAY } });
    expect(await home.rows('select count(*) as n from sync_runs')).toEqual([{ n: 1 }]);
    expect(worker.said.filter(({ message }) => message.startsWith('deleted'))).toEqual([]);
  });
});
