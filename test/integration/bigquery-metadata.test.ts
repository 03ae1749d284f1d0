import { describe, expect, test } from 'vitest';
import { TABLES } from '../../src/sql/tables.ts';
import { asking, type Seen } from '../peers/bigquery/faults.ts';
import { type Bench, makeBench, sharedPeer } from '../support/bigquery.ts';

const jobsOf = (bench: Bench, part: string): string[] =>
  [...bench.peer.jobs.keys()].filter((id) => id.includes(`${bench.options.dataset}_`) && id.includes(part));

const asked = (bench: Bench): string[] => bench.peer.requests.map(({ method, path }) => `${method} ${path}`);

describe('what is asked of metadata', () => {
  test('is free: no job is made of it', async () => {
    const bench = await makeBench(await sharedPeer());
    await bench.prepare();
    const before = bench.peer.jobs.size;
    const session = await bench.open('read');
    expect(await session.identity('crm')).toMatchObject({
      rows: 0,
      state: null,
      empty: ['user_changes', 'sync_runs', 'roles', 'teams', 'rejected_records'],
    });
    expect(bench.peer.jobs.size).toBe(before);
    expect(session.statements()).toBe(0);
    expect(session.usage?.()).toBeNull();
  });

  test.each([400, 404, 405, 501])('leaves the state open where rows cannot be listed (%i)', async (status) => {
    const bench = await makeBench(await sharedPeer());
    await bench.prepare();
    const does = { kind: 'answer', status, reason: 'notImplemented', message: 'no such method' } as const;
    bench.peer.faults.push({ where: asking('GET', /\/data$/), does });
    expect(await (await bench.open('read')).identity('crm')).not.toHaveProperty('state');
  });

  test('leaves the state open where the columns are not told, for rows come without names', async () => {
    const bench = await makeBench(await sharedPeer());
    await bench.prepare();
    await bench.rows(`insert into ${bench.table('rollcall_state')} (connection, seq) values ('crm', 1)`);
    const does = { kind: 'without', members: ['schema'] } as const;
    bench.peer.faults.push({ where: asking('GET', /rollcall_state$/), does });
    expect(await (await bench.open('read')).identity('crm')).not.toHaveProperty('state');
    expect(await (await bench.open('read')).identity('crm')).toMatchObject({ state: { seq: 1 } });
  });

  test('has the columns and views that are there', async () => {
    const bench = await makeBench(await sharedPeer());
    await bench.prepare();
    const all = (await (await bench.open('read')).identity('crm'))?.layout ?? [];
    expect(all).toEqual(expect.arrayContaining(['users.email', 'rollcall_state.seq', 'people', 'plain_users']));
    const { project, dataset } = bench.options;
    await (await bench.open()).run([{ sql: `drop view \`${project}.${dataset}.people\``, params: [] }]);
    expect((await (await bench.open('read')).identity('crm'))?.layout).toEqual(all.filter((name) => name !== 'people'));
  });

  test.each([400, 404, 405, 501])('takes nothing for lost where tables are not listed (%i)', async (status) => {
    const bench = await makeBench(await sharedPeer());
    await bench.prepare();
    const does = { kind: 'answer', status, reason: 'notImplemented', message: 'no such method' } as const;
    bench.peer.faults.push({ where: asking('GET', /\/tables$/), does });
    expect(await (await bench.open('read')).identity('crm')).not.toHaveProperty('layout');
  });

  test('waits for tables and a dataset that are not known everywhere yet', async () => {
    const bench = await makeBench(await sharedPeer());
    const does = { kind: 'answer', status: 404, reason: 'notFound', message: 'Not found' } as const;
    let asked = 0;
    const justMade = (seen: Seen): boolean => {
      if (!asking('GET', new RegExp(`/datasets/${bench.options.dataset}$`))(seen)) return false;
      asked += 1;
      // The first time it is not there yet.
      return asked === 2 || asked === 3;
    };
    bench.peer.faults.push({ where: justMade, times: 2, does });
    await bench.open();
    expect(bench.waited).toHaveLength(2);
    bench.peer.faults.push({ where: asking('GET', /\/tables\/users$/), times: 2, does });
    await bench.prepare();
    expect(bench.waited).toHaveLength(4);
    expect(jobsOf(bench, '_run').length, 'a table that lacks nothing is not altered').toBe(TABLES.length + 5);
  });

  test('tells tables that were made anew from those that were there', async () => {
    const bench = await makeBench(await sharedPeer());
    await bench.prepare();
    const before = await (await bench.open('read')).identity('crm');
    await bench.peer.store.drop({ dataset: `acme-project.${bench.options.dataset}`, table: 'users' });
    expect(await (await bench.open('read')).identity('crm')).toBeNull();
    await bench.prepare();
    expect((await (await bench.open('read')).identity('crm'))?.tables).not.toBe(before?.tables);
  });

  test('has nothing to say of a dataset that is not there', async () => {
    const bench = await makeBench(await sharedPeer());
    await expect(bench.open('read')).rejects.toThrow('there is no dataset');
    expect(asked(bench).at(-1)).toBe(`GET /datasets/${bench.options.dataset}`);
  });
});
