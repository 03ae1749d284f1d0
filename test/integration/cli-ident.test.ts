import { describe, expect, test } from 'vitest';
import { banned, type IdentApi } from '../../src/demo/ident/server.ts';
import { ident, ONE, placeOf } from '../support/ident.ts';

const FOR_EVER = Number.POSITIVE_INFINITY;
const USERS = '/api/v1/users';
const NIL = '00000000-0000-0000-0000-000000000000';
const LIVE = 'select user_id from users where deleted_at is null';

describe('the listing of all users', () => {
  test('is loaded once, and not again when the database shows its times in another zone', async () => {
    const api = await ident();
    const place = placeOf(api);
    expect(await place.sync('product')).toMatchObject({ outcome: 'ok', inserted: 60, rejected: 0 });
    api.world.zone = 330;
    expect(await place.sync('product')).toMatchObject({ outcome: 'ok', updated: 0, unchanged: 60, statements: 0 });
    const [user] = api.world.users();
    const rows = await place.rows(`select epoch_us(created_at) as at from users where user_id = '${user?.id}'`);
    expect(rows).toEqual([{ at: Date.parse(user?.created_at ?? '') * 1000 }]);
  });

  test('of fewer users than before deletes nobody who is still found by id', async () => {
    const api = await ident();
    const place = placeOf(api);
    await place.sync('product');
    const cut = (body: unknown) => (Array.isArray(body) ? body.slice(0, 55) : null);
    api.faults.add({ when: { path: USERS }, answer: { kind: 'edit', edit: cut } });
    expect(await place.sync('product')).toMatchObject({ outcome: 'ok', deleted: 0, kept: { unproven: 5 } });
    expect(await place.rows(LIVE)).toHaveLength(60);
  });

  test.each(['[]', 'null'])('that is %s deletes nobody', async (body) => {
    const api = await ident({ users: 5 });
    const place = placeOf(api);
    await place.sync('product');
    api.faults.add({ when: { path: USERS }, answer: { kind: 'body', body }, times: FOR_EVER });
    const { outcome, deleted } = await place.sync('product', '--allow-deletes');
    expect({ outcome, deleted }).toEqual({ outcome: body === '[]' ? 'ok' : 'failed', deleted: 0 });
    expect(await place.rows(LIVE)).toHaveLength(5);
  });

  test('cut short by an ill database, which finds nobody by id either, ends refused and deletes nobody', async () => {
    const api = await ident();
    const place = placeOf(api);
    await place.sync('product');
    api.world.failsAfter = 52;
    const ill = await place.sync('product');
    expect(ill).toMatchObject({ code: 3, outcome: 'refused', deleted: 0, error: { kind: 'refused' } });
    api.world.failsAfter = null;
    expect(await place.sync('product')).toMatchObject({ outcome: 'ok', deleted: 0, unchanged: 60 });
  });

  test('marks who is gone when he is not found by id, while somebody listed is', async () => {
    const api = await ident();
    const place = placeOf(api);
    await place.sync('product');
    const [user] = api.world.users();
    api.world.remove(user?.id ?? '');
    expect(await place.sync('product')).toMatchObject({ outcome: 'ok', deleted: 1 });
  });

  test('proves nothing by two scans, for it may be cut without a sign', async () => {
    const api = await ident();
    const place = placeOf(api, { settings: { deletes: '{ proof: scans, lookups: 1 }' } });
    await place.sync('product');
    for (const { id } of api.world.users().slice(0, 4)) api.world.remove(id);
    expect(await place.sync('product')).toMatchObject({ deleted: 1, kept: { unproven: 3 } });
    expect(await place.sync('product')).toMatchObject({ deleted: 1, kept: { unproven: 2 } });
  });
});

describe('a credential that may not look users up', () => {
  test('keeps everybody and says so where lookups are forbidden', async () => {
    const api = await ident();
    const place = placeOf(api);
    api.faults.add({
      when: { path: ONE },
      answer: { kind: 'status', status: 403, message: 'forbidden' },
      times: FOR_EVER,
    });
    await place.sync('product');
    api.world.remove(api.world.users()[0]?.id ?? '');
    const run = await place.sync('product');
    expect(run).toMatchObject({ outcome: 'ok', deleted: 0, kept: { unproven: 1 } });
    expect(run.warnings?.join()).toMatch(/may not look users up: kept/);
  });

  test('keeps everybody and says so where an application’s token finds none of those whom it lists', async () => {
    const api = await ident();
    const place = placeOf(api, { secret: api.applicationToken });
    await place.sync('product');
    api.world.remove(api.world.users()[0]?.id ?? '');
    const run = await place.sync('product');
    expect(run).toMatchObject({ outcome: 'ok', deleted: 0, kept: { unproven: 1 } });
    expect(run.warnings?.join()).toMatch(/may not look users up: kept/);
  });

  test('is not believed where an application’s token finds some of those whom it lists and not others', async () => {
    const api = await ident();
    const users = api.world.users();
    for (const { id } of users.slice(0, 40)) api.world.change(id, { application_id: api.world.application.id });
    const place = placeOf(api, { secret: api.applicationToken });
    await place.sync('product');
    api.world.application.members.delete(users[50]?.id ?? '');
    expect(await place.sync('product')).toMatchObject({ outcome: 'ok', deleted: 0, kept: { unproven: 1 } });
  });
});

describe('an application’s token that finds by id only who belongs to the application', () => {
  const OTHER = '5c1f9a52-7a55-4f3e-9a55-0d5b1f0f2c11';

  /** Every second member belongs to another application. */
  async function mixed(): Promise<{ api: IdentApi; place: ReturnType<typeof placeOf>; foreign: string }> {
    const api = await ident();
    const users = api.world.users();
    for (const [n, { id }] of users.entries())
      api.world.change(id, { application_id: n % 2 === 0 ? api.world.application.id : OTHER });
    const place = placeOf(api, { secret: api.applicationToken });
    await place.sync('product');
    return { api, place, foreign: users[5]?.id ?? '' };
  }

  test('proves nothing of who belongs to another one, where the listing is cut', async () => {
    const { api, place, foreign } = await mixed();
    const cut = (body: unknown) => (Array.isArray(body) ? body.filter((user) => user.id !== foreign) : null);
    api.faults.add({ when: { path: USERS }, answer: { kind: 'edit', edit: cut } });
    expect(await place.sync('product')).toMatchObject({ outcome: 'ok', deleted: 0, kept: { unproven: 1 } });
  });

  test('deletes nobody by a resync of who belongs to another one', async () => {
    const { place, foreign } = await mixed();
    const { code, stdout } = await place.run(['resync', 'product', '--id', foreign, '--json']);
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, outcome: 'ok', deleted: 0 });
    expect(await place.rows(LIVE)).toHaveLength(60);
  });
});

describe('a refusal', () => {
  const cases: readonly [what: string, token: (api: IdentApi) => string, kind: string, words: RegExp][] = [
    [
      'a wrong token',
      () => 'nobodys.secret.token',
      'auth',
      /401: unauthorized\. The token is wrong, expired or revoked/,
    ],
    ['a token without ListUsers', (api) => api.weakToken, 'permission', /403: forbidden.*ListUsers \(0x100000\)/],
  ];
  test.each(cases)('of %s is explained, once, and without the token', async (_what, tokenOf, kind, words) => {
    const api = await ident();
    const secret = tokenOf(api);
    const run = await placeOf(api, { secret }).sync('product');
    expect(run).toMatchObject({ code: 1, outcome: 'failed', error: { kind, retryable: false } });
    expect(run.error?.message).toMatch(words);
    expect(JSON.stringify(run) + run.stderr).not.toContain(secret);
    expect(api.log.filter(({ path }) => path === USERS).length).toBeLessThanOrEqual(1);
  });

  test('with 429 is a ban: nothing is asked again', async () => {
    const api = await ident();
    const place = placeOf(api);
    await place.sync('product');
    const asked = api.log.length;
    const answer = { kind: 'body', status: 429, body: banned('your address is banned') } as const;
    api.faults.add({ when: { path: USERS }, answer, times: FOR_EVER });
    const run = await place.sync('product');
    expect(run).toMatchObject({
      code: 1,
      outcome: 'failed',
      retries: 0,
      error: { kind: 'permission', retryable: false },
    });
    expect(run.error?.message).toMatch(/429.*your address is banned.*banned the address of this machine/);
    expect(api.log.slice(asked).filter(({ path }) => path === USERS)).toHaveLength(1);
  });

  test('with 429 of a lookup stops the run, too', async () => {
    const api = await ident();
    const place = placeOf(api);
    await place.sync('product');
    api.world.remove(api.world.users()[0]?.id ?? '');
    const answer = { kind: 'status', status: 429, message: 'banned' } as const;
    api.faults.add({ when: { path: ONE, nth: 2 }, answer, times: FOR_EVER });
    expect(await place.sync('product')).toMatchObject({ outcome: 'failed', deleted: 0, error: { kind: 'permission' } });
  });
});

describe('records that trip careless code', () => {
  test('with the nil id are quarantined, each by itself, and collide with nobody', async () => {
    const api = await ident({ users: 40 });
    const place = placeOf(api);
    const invited = ['ann@acme.test', 'bob@acme.test'].map((email) => ({
      id: NIL,
      created_at: '0001-01-01T00:00:00Z',
      name: null,
      first_name: null,
      last_name: null,
      email,
    }));
    const edit = (body: unknown) => (Array.isArray(body) ? [...invited, ...body] : null);
    api.faults.add({ when: { path: USERS }, answer: { kind: 'edit', edit }, times: FOR_EVER });
    expect(await place.sync('product')).toMatchObject({ outcome: 'ok', seen: 40, inserted: 40, rejected: 2 });
    expect(await place.rows('select user_id, reason from rejected_records')).toEqual(
      invited.map(() => ({ user_id: null, reason: expect.stringMatching(/^id: the nil UUID/) })),
    );
    expect(await place.sync('product')).toMatchObject({ outcome: 'ok', updated: 0, statements: 0 });
  });

  test('of the year 1 have no time of creation, and the received one stays beside it', async () => {
    const api = await ident({ users: 3 });
    const [user] = api.world.users();
    api.world.change(user?.id ?? '', { created_at: '0001-01-01T00:00:00Z', first_name: ' ', last_name: '' });
    const place = placeOf(api);
    await place.sync('product');
    const sql = `select name, created_at, created_at_received as received from ident_users where user_id = '${user?.id}'`;
    expect(await place.rows(sql)).toEqual([{ name: null, created_at: null, received: '0001-01-01T00:00:00Z' }]);
  });
});
