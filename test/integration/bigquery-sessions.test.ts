import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { layout } from '../../src/sql/ddl.ts';
import { bigquery } from '../../src/warehouses/bigquery.ts';
import { asking, inserting } from '../peers/bigquery/faults.ts';
import { addRole, type Bench, makeBench, ownPeer, sharedPeer } from '../support/bigquery.ts';

const jobsOf = (bench: Bench, part: string): string[] =>
  [...bench.peer.jobs.keys()].filter((id) => id.includes(`${bench.options.dataset}_`) && id.includes(part));

describe('a staging table', () => {
  let bench: Bench;
  const lines = [{ op: 'upsert', user_id: 'u1' }];
  beforeEach(async () => {
    bench = await makeBench(await sharedPeer());
  });

  test('is named by its batch, labelled, and drops itself after its hours', async () => {
    const labelled = await makeBench(bench.peer, { labels: { team: 'it' }, staging_hours: 2 });
    const staging = await (await labelled.open()).stage(labelled.file('e1-1-aa', lines), labelled.signal.signal);
    expect(staging).toBe(`\`acme-project.${labelled.options.dataset}.rollcall_stage_e1_1_aa\``);
    const name = { dataset: `acme-project.${labelled.options.dataset}`, table: 'rollcall_stage_e1_1_aa' };
    const { expirationTime, labels } = labelled.peer.store.meta(name);
    expect(labels).toEqual({ application: 'rollcall', team: 'it' });
    expect(Number(expirationTime) - Date.now()).toBeGreaterThan(1.9 * 3_600_000);
    expect(Number(expirationTime) - Date.now()).toBeLessThanOrEqual(2 * 3_600_000);
    const job = labelled.peer.jobs.get(`acme-project:rollcall_${labelled.options.dataset}_e1-1-aa_load_1`);
    expect(job?.configuration.labels).toEqual({ application: 'rollcall', team: 'it' });
  });

  test.each([404, 405, 501])('is loaded also where its time cannot be set again (%i)', async (status) => {
    const does = { kind: 'without', members: ['expirationTime'] } as const;
    bench.peer.faults.push({ where: asking('GET', /rollcall_stage_/), times: 2, does });
    bench.peer.faults.push({ where: asking('PATCH', /rollcall_stage_/), does: { kind: 'gateway', status } });
    const staging = await (await bench.open()).stage(bench.file('e1-1-aa', lines), bench.signal.signal);
    expect(staging).toMatch(/rollcall_stage_e1_1_aa/);
    expect(bench.waited).toEqual([]);
    bench.peer.faults.splice(0);
  });

  test('that another process loaded is used as it is', async () => {
    await (await bench.open()).stage(bench.file('e1-1-aa', lines), bench.signal.signal);
    const session = await bench.open();
    const staging = await session.stage(bench.file('e1-1-aa', lines), bench.signal.signal);
    expect(jobsOf(bench, '_load')).toHaveLength(1);
    await expect(Array.fromAsync(session.read({ sql: `select * from ${staging}`, params: [] }))).resolves.toHaveLength(
      1,
    );
  });

  test('that is gone again is loaded again', async () => {
    const session = await bench.open();
    const staging = await session.stage(bench.file('e1-1-aa', lines), bench.signal.signal);
    await bench.peer.store.drop({ dataset: `acme-project.${bench.options.dataset}`, table: 'rollcall_stage_e1_1_aa' });
    const rows = await Array.fromAsync(session.read({ sql: `select user_id from ${staging}`, params: [] }));
    expect(rows).toEqual([{ user_id: 'u1' }]);
    expect(jobsOf(bench, '_load')).toHaveLength(2);
  });

  test('is in a dataset of its own where the options say so, which is made', async () => {
    const apart = await makeBench(bench.peer, { staging_dataset: 'waiting_room' });
    const session = await apart.open();
    const staging = await session.stage(apart.file('e1-1-aa', lines), apart.signal.signal);
    expect(staging).toBe('`acme-project.waiting_room.rollcall_stage_e1_1_aa`');
    await session.unstage(staging);
    expect(
      await bench.peer.store.kindOf({ dataset: 'acme-project.waiting_room', table: 'rollcall_stage_e1_1_aa' }),
    ).toBeNull();
  });

  test('takes a load for each batch, and the tables of users none', async () => {
    const session = await bench.open();
    await session.run(layout(bigquery.dialect(bench.options), 'plain', []));
    for (const batch of ['e1-1-aa', 'e1-2-bb']) {
      await session.unstage(await session.stage(bench.file(batch, lines), bench.signal.signal));
    }
    const targets = [...bench.peer.jobs.values()].flatMap(({ configuration: { load } }) =>
      load?.destinationTable?.datasetId === bench.options.dataset ? [load.destinationTable.tableId] : [],
    );
    expect(targets).toEqual(['rollcall_stage_e1_1_aa', 'rollcall_stage_e1_2_bb']);
  });
});

describe('the quotas of BigQuery', () => {
  test('hold while tables are made, filled and merged', async () => {
    const bench = await makeBench(await ownPeer({ quotas: true }));
    await bench.prepare();
    const session = await bench.open();
    await session.run([
      { sql: `insert into \`acme-project.${bench.options.dataset}.rollcall_state\` (\`seq\`) select 0`, params: [] },
    ]);
    for (let seq = 1; seq <= 20; seq += 1)
      expect(await session.transact(addRole(bench, seq), bench.signal.signal)).toBe('done');
    expect(bench.waited).toEqual([]);
  });
});

describe('a place that is not the US', () => {
  test('is where the dataset is made, and where its jobs are asked for', async () => {
    const bench = await makeBench(await ownPeer({ linger: 0 }), { location: 'europe-west3' });
    await bench.prepare();
    const session = await bench.open();
    expect(await Array.fromAsync(session.read({ sql: 'select 1 as one', params: [] }))).toEqual([{ one: 1 }]);
  });

  test('is found out where the options do not name it', async () => {
    const there = await makeBench(await sharedPeer(), { location: 'europe-west3' });
    await there.prepare();
    const bench = await makeBench(there.peer, { dataset: there.options.dataset });
    const session = await bench.open('read');
    expect(await Array.fromAsync(session.read({ sql: 'select 1 as one', params: [] }))).toEqual([{ one: 1 }]);
  });

  test('is refused where the options name another', async () => {
    const there = await makeBench(await sharedPeer(), { location: 'EU' });
    await there.prepare();
    const bench = await makeBench(there.peer, { dataset: there.options.dataset, location: 'US' });
    await expect(bench.open()).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringMatching(/is in EU and not in US/),
    });
  });
});

describe('what a session used', () => {
  test('is told by bytes, rows, slot time and the ids of its jobs', async () => {
    const bench = await makeBench(await sharedPeer());
    await bench.prepare();
    const session = await bench.open();
    const file = bench.file('e1-1-aa', [{ op: 'upsert' }, { op: 'upsert' }]);
    await Array.fromAsync(
      session.read({ sql: `select * from ${await session.stage(file, bench.signal.signal)}`, params: [] }),
    );
    expect(session.usage?.()).toEqual({
      rows: 2,
      bytes: file.bytes,
      bytes_billed: 10 * 1024 * 1024,
      slot_ms: 160,
      jobs: jobsOf(bench, '')
        .map((id) => id.slice('acme-project:'.length))
        .filter((id) => !id.includes('_run_')),
    });
  });

  test('of a job that an earlier process had begun counts for whoever finds it, once', async () => {
    const bench = await makeBench(await sharedPeer());
    const file = bench.file('e1-1-aa', [{ op: 'upsert' }]);
    await (await bench.open()).stage(file, bench.signal.signal);
    const heir = await bench.open();
    await heir.stage(file, bench.signal.signal);
    await heir.stage(file, bench.signal.signal);
    expect(heir.usage?.()?.jobs.map((id) => id.slice(-6))).toEqual(['load_1']);
    expect(heir.usage?.()).toMatchObject({ rows: 1, bytes: 0 });
  });

  test('of a job that failed counts too', async () => {
    const bench = await makeBench(await sharedPeer());
    await bench.prepare();
    const session = await bench.open();
    bench.peer.faults.push({
      where: inserting('_read'),
      does: { kind: 'job', reason: 'backendError', message: 'no luck' },
    });
    await Array.fromAsync(session.read({ sql: 'select 1 as one', params: [] }));
    expect(session.usage?.()?.jobs).toHaveLength(2);
  });
});

describe('a query', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await makeBench(await sharedPeer());
    await bench.prepare();
  });
  const query = (sql: string) => ({ sql, params: [] });

  test('is estimated without being run', async () => {
    const session = await bench.open('read');
    const before = bench.peer.jobs.size;
    expect(await session.estimate?.(query('select * from users'))).toMatchObject({ bytes: 0 });
    expect(bench.peer.jobs.size).toBe(before);
  });

  test.each([
    'delete from users where true',
    'drop table users',
    'update users set seq = 1 where true',
    'select 1; select 2',
  ])('that does more than read is refused: %s', async (sql) => {
    const session = await bench.open('read');
    await expect(session.estimate?.(query(sql))).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringMatching(/only reads/),
    });
  });

  test.each([
    ['of the options', { maximum_bytes_billed: 1000 }, {}],
    ['of the query', {}, { maxBytes: 1000 }],
  ])('beyond the limit %s is refused and not run', async (_what, options, limits) => {
    const limited = await makeBench(bench.peer, { dataset: bench.options.dataset, ...options });
    const rows = (await limited.open('read')).read(query('select * from users'), limits);
    await expect(Array.fromAsync(rows)).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringMatching(/maximum_bytes_billed \(or --max-bytes\)/),
    });
  });

  test('of more rows than an answer has is read page by page', async () => {
    const session = await bench.open();
    const lines = Array.from({ length: 10_500 }, (_, i) => ({ op: 'upsert', user_id: `u${i}` }));
    const staging = await session.stage(bench.file('e1-1-aa', lines), bench.signal.signal);
    const rows = await Array.fromAsync(session.read(query(`select user_id from ${staging}`)));
    expect(new Set(rows.map((row) => row.user_id)).size).toBe(10_500);
  });

  test('whose answer is a gateway’s page fails', async () => {
    const does = { kind: 'gateway', status: 200 } as const;
    bench.peer.faults.push({ where: asking('GET', /^\/queries\//), times: 99, does });
    await expect(Array.fromAsync((await bench.open('read')).read(query('select 1 as one')))).rejects.toMatchObject({
      kind: 'transient',
      message: expect.stringMatching(/not what the BigQuery API answers/),
    });
    bench.peer.faults.splice(0);
  });
});

describe('the client', () => {
  test('is not loaded by what a command needs before it opens a session', () => {
    const files = ['bigquery', 'bigquery-dialect', 'bigquery-options', 'bigquery-grants'];
    for (const file of files) {
      const text = readFileSync(new URL(`../../src/warehouses/${file}.ts`, import.meta.url), 'utf8');
      expect(text, file).not.toMatch(/^import (?!type)[^;]*(google|bigquery-(session|client|check|jobs))/m);
    }
  });
});
