import { describe, expect, test } from 'vitest';
import { asking, type FaultKind, inserting } from '../peers/bigquery/faults.ts';
import { addRole, makeBench, ownPeer, ready, sharedPeer } from '../support/bigquery.ts';

describe('something that was made a moment ago and is not known yet', () => {
  const missing: FaultKind = { kind: 'answer', status: 404, reason: 'notFound', message: 'said notFound' };

  test('is asked for again: the job', async () => {
    const bench = await ready(await makeBench(await ownPeer({ linger: 0 })));
    bench.peer.faults.push({ where: asking('GET', /^\/jobs\//), times: 2, does: missing });
    expect(await (await bench.open()).transact(addRole(bench, 1), bench.signal.signal)).toBe('done');
  });

  test('is asked for again: the staging table that is loaded', async () => {
    const bench = await ready(await makeBench(await sharedPeer()));
    const message = 'Not found: Table acme-project:crew.rollcall_stage_e1_1_aa';
    bench.peer.faults.push({ where: inserting('_load'), times: 2, does: { kind: 'job', reason: 'notFound', message } });
    const session = await bench.open();
    const staging = await session.stage(bench.file('e1-1-aa', [{ op: 'upsert' }]), bench.signal.signal);
    expect(await Array.fromAsync(session.read({ sql: `select op from ${staging}`, params: [] }))).toHaveLength(1);
  });

  test('is asked for again: tables that were just made', async () => {
    const bench = await makeBench(await sharedPeer());
    const message = `Not found: Table acme-project:${bench.options.dataset}.users was not found in location US`;
    const session = await bench.open();
    await bench.prepare();
    bench.peer.faults.push({ where: inserting('_read'), times: 2, does: { kind: 'job', reason: 'notFound', message } });
    const sql = `select count(*) as n from \`acme-project.${bench.options.dataset}.users\``;
    await expect(Array.fromAsync(session.read({ sql, params: [] }))).resolves.toEqual([{ n: 0 }]);
  });

  test('is asked for again by the session after the one that made it', async () => {
    const bench = await makeBench(await sharedPeer());
    await bench.prepare();
    const message = `Not found: Table acme-project:${bench.options.dataset}.users was not found in location US`;
    bench.peer.faults.push({ where: inserting('_run'), times: 2, does: { kind: 'job', reason: 'notFound', message } });
    const sql = `insert into \`acme-project.${bench.options.dataset}.users\` (\`user_id\`) select 'u1'`;
    await (await bench.open()).run([{ sql, params: [] }]);
    expect(bench.waited).toHaveLength(2);
  });

  test('by another process at the same instant is no trouble', async () => {
    const bench = await makeBench(await sharedPeer());
    const message = `Already Exists: Table acme-project:${bench.options.dataset}.users`;
    bench.peer.faults.push({ where: inserting('_run'), does: { kind: 'job', reason: 'duplicate', message } });
    await bench.prepare();
    expect(await (await bench.open('read')).identity('crm')).toMatchObject({ rows: 0 });
  });

  test('is missing for good when nothing was made', async () => {
    const bench = await ready(await makeBench(await sharedPeer()));
    const reading = await bench.open('read');
    const asked = Array.fromAsync(reading.read({ sql: 'select 1 as x from no_such_table', params: [] }));
    await expect(asked).rejects.toMatchObject({ message: expect.stringMatching(/no_such_table/) });
    expect(bench.waited).toEqual([]);
  });
});
