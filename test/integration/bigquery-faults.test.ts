import { beforeEach, describe, expect, test, vi } from 'vitest';
import { RollcallError } from '../../src/errors.ts';
import { asking, type FaultKind, inserting } from '../peers/bigquery/faults.ts';
import { addRole, type Bench, makeBench, ownPeer, ready, sharedPeer } from '../support/bigquery.ts';

const jobsOf = (bench: Bench, part: string): string[] =>
  [...bench.peer.jobs.keys()].filter((id) => id.includes(`${bench.options.dataset}_`) && id.includes(part));

const roles = async (bench: Bench): Promise<unknown[]> =>
  (await bench.rows(`select role_id from ${bench.table('roles')} order by role_id`)).map((row) => row.role_id);

const answer = (status: number, reason: string, headers: Readonly<Record<string, string>> = {}): FaultKind => ({
  kind: 'answer',
  status,
  reason,
  message: `said ${reason}`,
  headers,
});

describe('a request that fails for a moment', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await ready(await makeBench(await sharedPeer()));
  });

  test.each<[string, FaultKind]>([
    ['503', answer(503, 'backendError')],
    ['429', answer(429, 'rateLimitExceeded')],
    ['403 rateLimitExceeded', answer(403, 'rateLimitExceeded')],
    ['408', answer(408, 'timeout')],
    ['a gateway’s page under 502', { kind: 'gateway', status: 502 }],
    ['a gateway’s page under 200', { kind: 'gateway', status: 200 }],
    ['a cut connection', { kind: 'reset' }],
  ])('(%s) is sent again with the same job id, and its work is done once', async (_what, does) => {
    bench.peer.faults.push({ where: inserting('_apply'), times: 2, does });
    expect(await (await bench.open()).transact(addRole(bench, 1), bench.signal.signal)).toBe('done');
    expect(jobsOf(bench, '_apply')).toHaveLength(1);
    expect(await roles(bench)).toEqual(['r1']);
    expect(bench.waited.map(({ reason }) => reason.slice(0, 9))).toEqual(['BigQuery:', 'BigQuery:']);
  });

  test.each([404, 403, 400])('(a gateway’s %i) is no word of the API’s and is asked again', async (status) => {
    bench.peer.faults.push({ where: asking('GET', /\/tables\/users$/), does: { kind: 'gateway', status } });
    expect(await (await bench.open('read')).identity('crm')).toMatchObject({ rows: 0 });
    expect(bench.waited).toHaveLength(1);
  });

  test('is sent again when the server says, to the millisecond', async () => {
    const does = answer(429, 'rateLimitExceeded', { 'retry-after': '7' });
    bench.peer.faults.push({ where: inserting('_apply'), does });
    expect(await (await bench.open()).transact(addRole(bench, 1), bench.signal.signal)).toBe('done');
    expect(bench.waited).toMatchObject([{ ms: 7000 }]);
  });

  test('is not waited for when the server asks for more than a minute', async () => {
    const does = answer(503, 'backendError', { 'retry-after': '600' });
    bench.peer.faults.push({ where: inserting('_apply'), does });
    const failing = (await bench.open()).transact(addRole(bench, 1), bench.signal.signal);
    await expect(failing).rejects.toMatchObject({ kind: 'transient', retryAfterMs: 600_000 });
    expect(bench.waited).toEqual([]);
  });

  test('waits longer each time, and gives up after six attempts', async () => {
    bench.peer.faults.push({ where: inserting('_apply'), times: 99, does: answer(503, 'backendError') });
    const failing = (await bench.open()).transact(addRole(bench, 1), bench.signal.signal);
    await expect(failing).rejects.toMatchObject({
      kind: 'transient',
      message: expect.stringMatching(/run again later/),
    });
    expect(bench.waited.map(({ ms }) => ms)).toEqual([500, 1000, 2000, 4000, 8000]);
    bench.peer.faults.splice(0);
    expect(await roles(bench)).toEqual([]);
  });

  test('and never is answered ends after its time', async () => {
    const impatient = await makeBench(bench.peer, { dataset: bench.options.dataset }, 200);
    bench.peer.faults.push({ where: asking('GET', /rollcall_state$/), times: 99, does: { kind: 'silent' } });
    const message = expect.stringMatching(/no answer within 0 s.*run again later/);
    await expect((await impatient.open()).identity('crm')).rejects.toMatchObject({ kind: 'transient', message });
    bench.peer.faults.splice(0);
  });

  test('ends at once when the run is asked to stop', async () => {
    const session = await bench.open();
    bench.peer.faults.push({ where: inserting('_apply'), does: { kind: 'silent' } });
    const under = session.transact(addRole(bench, 1), bench.signal.signal);
    setImmediate(() => bench.signal.abort());
    await expect(under).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('a job whose answer was lost', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await ready(await makeBench(await sharedPeer()));
  });

  test('is found under its id, and its work is done once', async () => {
    bench.peer.faults.push({ where: inserting('_apply'), does: { kind: 'lost' } });
    expect(await (await bench.open()).transact(addRole(bench, 1), bench.signal.signal)).toBe('done');
    expect(jobsOf(bench, '_apply')).toHaveLength(1);
    expect(await roles(bench)).toEqual(['r1']);
  });

  test('is a load: the file is loaded once', async () => {
    bench.peer.faults.push({ where: inserting('_load'), does: { kind: 'lost' } });
    const session = await bench.open();
    const staging = await session.stage(bench.file('e1-1-aa', [{ op: 'upsert', user_id: 'u1' }]), bench.signal.signal);
    expect(jobsOf(bench, '_load')).toHaveLength(1);
    expect(await Array.fromAsync(session.read({ sql: `select user_id from ${staging}`, params: [] }))).toEqual([
      { user_id: 'u1' },
    ]);
  });

  test('of a read is read once', async () => {
    bench.peer.faults.push({ where: inserting('_read'), does: { kind: 'lost' } });
    const session = await bench.open();
    expect(await Array.fromAsync(session.read({ sql: 'select 1 as one', params: [] }))).toEqual([{ one: 1 }]);
    expect(jobsOf(bench, '_read')).toHaveLength(1);
  });

  test('that nobody else knows is taken for its own, however far the clocks are apart', async () => {
    bench.peer.faults.push({ where: inserting('_run'), does: { kind: 'lost' } });
    const session = await bench.open();
    const insert = `insert into \`acme-project.${bench.options.dataset}.roles\` (\`role_id\`) select 'r9'`;
    // This machine's clock is ten minutes ahead of the server's.
    const now = vi.spyOn(Date, 'now').mockReturnValueOnce(Date.now() + 600_000);
    await session.run([{ sql: insert, params: [] }]);
    now.mockRestore();
    expect(await roles(bench)).toEqual(['r9']);
  });

  test('is waited for by the next process while it still runs, and not done twice', async () => {
    const slow = await ready(await makeBench(await ownPeer({ linger: 0 })));
    slow.peer.faults.push({ where: inserting('_apply'), does: { kind: 'slow', ms: 300 } });
    const dying = slow.open().then((session) => session.transact(addRole(slow, 1), slow.signal.signal));
    const died = expect(dying).rejects.toMatchObject({ name: 'AbortError' });
    await expect.poll(() => jobsOf(slow, '_apply').length).toBe(1);
    slow.signal.abort();
    await died;
    const heir = await makeBench(slow.peer, { dataset: slow.options.dataset });
    // The second attempt's fence is not passed: the engine then finds its batch in the state row.
    expect(await (await heir.open()).transact(addRole(heir, 1), heir.signal.signal)).toBe('fenced');
    expect(await roles(heir)).toEqual(['r1']);
  });
});

describe('a job that fails', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await ready(await makeBench(await sharedPeer()));
  });

  test.each([
    ['backendError', 'Backend error'],
    ['jobBackendError', 'Backend error'],
    ['internalError', 'An internal error occurred'],
    ['jobRateLimitExceeded', 'Job exceeded rate limits'],
    ['invalidQuery', 'Transaction is aborted due to concurrent update against table acme-project:crew.rollcall_state'],
    ['invalidQuery', 'Could not serialize access to table acme-project:crew.users due to concurrent update'],
    ['invalidQuery', 'Exceeded rate limits: too many table update operations for this table'],
    ['invalidQuery', 'An error occurred. Retrying the job may solve the problem.'],
  ])('with %s (%s) is done again under a new id', async (reason, message) => {
    bench.peer.faults.push({ where: inserting('_apply'), times: 2, does: { kind: 'job', reason, message } });
    expect(await (await bench.open()).transact(addRole(bench, 1), bench.signal.signal)).toBe('done');
    const ids = jobsOf(bench, '_apply').map((id) => id.slice(id.indexOf('e1-1-aa')));
    expect(ids).toEqual(['e1-1-aa_apply_1', 'e1-1-aa_apply_2', 'e1-1-aa_apply_3']);
    expect(await roles(bench)).toEqual(['r1']);
  });

  test.each([
    ['quotaExceeded', 'Quota exceeded: your project exceeded quota', 'rate-limited', /a quota of project acme-project/],
    [
      'accessDenied',
      'Access Denied: Permission bigquery.tables.updateData denied',
      'permission',
      /roles\/bigquery\.dataEditor/,
    ],
    ['billingNotEnabled', 'Billing has not been enabled for this project', 'permission', /sandbox.*enable billing/s],
    ['resourcesExceeded', 'Resources exceeded during query execution', 'bug', /Resources exceeded/],
    ['invalidQuery', 'Syntax error', 'bug', /Syntax error/],
  ])('with %s is not done again', async (reason, message, kind, words) => {
    bench.peer.faults.push({ where: inserting('_apply'), times: 2, does: { kind: 'job', reason, message } });
    const failing = (await bench.open()).transact(addRole(bench, 1), bench.signal.signal);
    await expect(failing).rejects.toMatchObject({ kind, message: expect.stringMatching(words) });
    expect(jobsOf(bench, '_apply')).toHaveLength(1);
    bench.peer.faults.splice(0);
  });

  test.each([
    [400, 'invalidQuery', 'Transaction is aborted due to concurrent update against table acme-project:crew.users'],
    [400, 'invalidQuery', 'Could not serialize access to table acme-project:crew.users due to concurrent update'],
    [
      400,
      'resourcesExceeded',
      'Too many DML statements outstanding against table acme-project:crew.users, limit is 20.',
    ],
    [400, 'jobBackendError', 'Error encountered during execution.'],
    [403, 'jobRateLimitExceeded', 'Job exceeded rate limits'],
  ])(
    'so fast that its request is answered with the failure (%i %s) is done again under a new id',
    async (status, reason, message) => {
      const does: FaultKind = { kind: 'answer', status, reason, message };
      bench.peer.faults.push({ where: inserting('_apply_1'), does });
      expect(await (await bench.open()).transact(addRole(bench, 1), bench.signal.signal)).toBe('done');
      const ids = jobsOf(bench, '_apply').map((id) => id.slice(id.indexOf('e1-1-aa')));
      expect(ids).toEqual(['e1-1-aa_apply_2']);
      expect(await roles(bench)).toEqual(['r1']);
    },
  );

  test('at its request again and again is no lack of permission', async () => {
    const does = answer(403, 'jobRateLimitExceeded');
    bench.peer.faults.push({ where: inserting('_apply'), times: 99, does });
    const failing = (await bench.open()).transact(addRole(bench, 1), bench.signal.signal);
    await expect(failing).rejects.toMatchObject({ kind: 'rate-limited' });
    bench.peer.faults.splice(0);
  });

  test('again and again is given up after eight attempts', async () => {
    const does: FaultKind = { kind: 'job', reason: 'backendError', message: 'Backend error' };
    bench.peer.faults.push({ where: inserting('_apply'), times: 99, does });
    const failing = (await bench.open()).transact(addRole(bench, 1), bench.signal.signal);
    await expect(failing).rejects.toMatchObject({ kind: 'transient' });
    expect(jobsOf(bench, '_apply')).toHaveLength(8);
    bench.peer.faults.splice(0);
  });
});

describe('transactions of one process', () => {
  test('run one after the other, for BigQuery cancels one of two on the same table', async () => {
    const bench = await ready(await makeBench(await ownPeer({ linger: 0 })));
    bench.peer.faults.push({ where: inserting('_apply'), times: 3, does: { kind: 'slow', ms: 40 } });
    let most = 0;
    const running = (): number => [...bench.peer.jobs.values()].filter(({ state }) => state === 'RUNNING').length;
    const seen = setInterval(() => {
      most = Math.max(most, running());
    }, 5);
    try {
      const sessions = await Promise.all([1, 2, 3].map(() => bench.open()));
      const done = sessions.map((session, i) => session.transact(addRole(bench, i + 1), bench.signal.signal));
      expect(await Promise.all(done)).toEqual(['done', 'done', 'done']);
    } finally {
      clearInterval(seen);
    }
    expect(most).toBe(1);
  });

  test('go on after one that failed', async () => {
    const bench = await ready(await makeBench(await sharedPeer()));
    const broken = {
      ...addRole(bench, 1),
      steps: [{ sql: 'insert into `acme-project.no.where` (x) select 1', params: [] }],
    };
    const session = await bench.open();
    const [failed, done] = await Promise.allSettled([
      session.transact(broken, bench.signal.signal),
      session.transact(addRole(bench, 1, 'e1-1-bb'), bench.signal.signal),
    ]);
    expect([failed.status, done]).toEqual(['rejected', { status: 'fulfilled', value: 'done' }]);
  });
});

describe('a token', () => {
  test('that has expired ends the run at once, and is not shown', async () => {
    const bench = await makeBench(await ownPeer());
    await bench.prepare();
    const session = await bench.open();
    bench.peer.accept('another-token');
    const before = bench.peer.requests.length;
    const failing = session.transact(addRole(bench, 1), bench.signal.signal);
    await expect(failing).rejects.toMatchObject({
      kind: 'auth',
      message: expect.stringMatching(/401.*warehouse\.token/),
    });
    await failing.catch((error: unknown) => {
      expect(error).toBeInstanceOf(RollcallError);
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(bench.peer.token);
    });
    expect(bench.peer.requests.length - before).toBe(1);
  });

  test('that something in between refuses, in whatever form, ends it too', async () => {
    const bench = await makeBench(await sharedPeer());
    bench.peer.faults.push({ where: asking('GET', /\/data$/), does: { kind: 'gateway', status: 401 } });
    await bench.prepare();
    const failing = (await bench.open('read')).identity('crm');
    await expect(failing).rejects.toMatchObject({ kind: 'auth', message: expect.stringMatching(/proxy or gateway/) });
    expect(bench.waited).toEqual([]);
  });
});
