// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are written in this way
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { IdentApi } from '../../src/demo/ident/server.ts';
import { NIL_UUID } from '../../src/sources/record.ts';
import { filesOf } from '../support/cli.ts';
import { type Given, ident, ONE, placeOf } from '../support/ident.ts';

describe('a membership listing', () => {
  const memberOf = (api: IdentApi, kind: 'organization' | 'application'): Given => ({
    settings: { [`${kind}_id`]: api.world[kind].id },
  });

  test.each(['organization', 'application'] as const)('of an %s is read whole in one request', async (kind) => {
    const api = await ident({ users: 130 });
    const place = placeOf(api, memberOf(api, kind));
    expect(await place.sync('product')).toMatchObject({ outcome: 'ok', inserted: 130 });
    const paths = api.log.map(({ path }) => path).filter((path) => path.includes(`/${kind}s/`));
    expect(paths).toEqual([expect.stringMatching(/rpp=1000000/)]);
  });

  test('whose distinct ids are not its total is read again', async () => {
    const api = await ident();
    const place = placeOf(api, memberOf(api, 'organization'));
    const twice = (body: unknown) => (Array.isArray(body) ? [...body.slice(0, 59), body[0]] : null);
    api.faults.add({ when: { path: '/api/v1/organizations/{id}/users' }, answer: { kind: 'edit', edit: twice } });
    expect(await place.sync('product')).toMatchObject({ outcome: 'ok', inserted: 60, retries: 1 });
  });

  test('that never fits its total fails loudly and deletes nobody', async () => {
    const api = await ident();
    const place = placeOf(api, memberOf(api, 'organization'));
    await place.sync('product');
    api.world.failsAfter = 50;
    const run = await place.sync('product');
    expect(run).toMatchObject({ code: 1, outcome: 'failed', deleted: 0, error: { kind: 'bad-data' } });
    expect(run.error?.message).toMatch(/gave 50 members and counted 60/);
    api.world.failsAfter = 0;
    expect((await place.sync('product')).error?.message).toMatch(/gave 0 members and no x-total-results-count/);
  });

  test.each([62, 60])('with two invitations is sound where the total is %i, with them or without', async (total) => {
    const api = await ident({ users: total });
    const invited = ['ann@acme.test', 'bob@acme.test'].map((email) => ({ id: NIL_UUID, email }));
    const edit = (body: unknown) => (Array.isArray(body) ? [...body.slice(0, 60), ...invited] : null);
    api.faults.add({ when: { path: '/api/v1/organizations/{id}/users' }, answer: { kind: 'edit', edit } });
    const run = await placeOf(api, memberOf(api, 'organization')).sync('product');
    expect(run).toMatchObject({ outcome: 'ok', inserted: 60, rejected: 2, retries: 0 });
  });

  test('asks for no more users once the credential may not look them up', async () => {
    const api = await ident();
    const place = placeOf(api, memberOf(api, 'application'));
    await place.sync('product');
    const filled = api.world.users().slice(0, 4);
    await place.run(['resync', 'product', ...filled.flatMap(({ id }) => ['--id', id])]);
    for (const { id } of filled) api.world.change(id, { last_name: 'Changed' });
    const answer = { kind: 'status', status: 403, message: 'forbidden' } as const;
    api.faults.add({ when: { path: ONE }, answer, times: Number.POSITIVE_INFINITY });
    const since = api.log.length;
    const run = await place.sync('product');
    expect(run).toMatchObject({ outcome: 'ok', updated: 0 });
    expect(run.warnings?.join()).toMatch(/may not look them up: kept/);
    // One to see whether the token is taken, one for the first of them, and one that learns whether it finds anybody.
    expect(api.log.slice(since).filter(({ status }) => status === 403).length).toBeLessThanOrEqual(3);
  });

  test('proves by two scans that many have left', async () => {
    const api = await ident();
    const place = placeOf(api, { settings: { ...memberOf(api, 'organization').settings, deletes: '{ lookups: 2 }' } });
    await place.sync('product');
    for (const { id } of api.world.users().slice(0, 5)) api.world.organization.members.delete(id);
    expect(await place.sync('product')).toMatchObject({ outcome: 'ok', deleted: 0 });
    expect(await place.sync('product')).toMatchObject({ outcome: 'ok', deleted: 5 });
  });

  test.each([true, false])('does not overwrite what the listing of all users said, found by id: %s', async (finds) => {
    const api = await ident();
    const place = placeOf(api);
    await place.sync('product');
    const settings = { source: 'ident', base_url: api.url, token: '${IDENT}' };
    place.connect({ product: { ...settings, application_id: api.world.application.id } });
    expect(await place.sync('product')).toMatchObject({ code: 2, error: { kind: 'config' } });
    await place.run(['state', 'reset', 'product', '--yes']);
    const answer = { kind: 'status', status: 404, message: 'user not found' } as const;
    if (!finds) api.faults.add({ when: { path: ONE }, answer, times: Number.POSITIVE_INFINITY });
    const full = 'select user_id, email, permissions from ident_users order by user_id';
    const before = await place.rows(full);
    const run = await place.sync('product');
    expect(run).toMatchObject({ outcome: 'ok', seen: 60 });
    expect(await place.rows(full)).toEqual(before);
    if (!finds) expect(run.warnings?.join()).toMatch(/does not find them: kept/);
    const since = api.log.length;
    expect(await place.sync('product')).toMatchObject({ outcome: 'ok', updated: 0 });
    if (finds) expect(api.log.slice(since).filter(({ path }) => path.startsWith('/api/v1/users/'))).toHaveLength(1);
  });

  test('never overwrites what a lookup filled, and follows what changes in it', async () => {
    const api = await ident();
    const place = placeOf(api, memberOf(api, 'application'));
    await place.sync('product');
    const user = api.world.users().find((one) => one.metadata !== null && one.email !== null);
    const id = user?.id ?? '';
    const row = `select name, email, permissions, metadata is not null as metadata from ident_users where user_id = '${id}'`;
    const name = `${user?.first_name} ${user?.last_name}`;
    expect(await place.rows(row)).toEqual([{ name, email: null, permissions: 7, metadata: false }]);
    await place.run(['resync', 'product', '--id', id]);
    const full = { name, email: user?.email, permissions: 415, metadata: true };
    expect(await place.rows(row)).toEqual([full]);
    expect(await place.sync('product')).toMatchObject({ outcome: 'ok', updated: 0, statements: 0 });
    expect(await place.rows(row)).toEqual([full]);
    api.world.change(id, { last_name: 'Changed' });
    expect(await place.sync('product')).toMatchObject({ outcome: 'ok', updated: 1 });
    expect(await place.rows(row)).toEqual([{ ...full, name: `${user?.first_name} Changed` }]);
    expect(await place.sync('product')).toMatchObject({ outcome: 'ok', updated: 0, statements: 0 });
  });
});

describe('a login with a refresh token', () => {
  const HOUR = 3_600_000;

  test('is made once for a run, and no secret of it is written anywhere', async () => {
    const api = await ident();
    const place = placeOf(api, { secret: api.refreshToken, settings: { refresh_token: '${IDENT}' } });
    expect(await place.sync('product')).toMatchObject({ outcome: 'ok', inserted: 60 });
    expect(api.log.filter(({ method }) => method === 'POST')).toHaveLength(1);
    const access = api.log.at(-1)?.headers.authorization?.slice('bearer '.length) ?? '';
    expect(access).not.toBe(api.refreshToken);
    const holding = filesOf(place.folder)
      .filter((file) => !file.endsWith('.env'))
      .filter((file) => [access, api.refreshToken].some((secret) => readFileSync(file).includes(secret)));
    expect(holding).toEqual([]);
  });

  test('is renewed once where a token ends in mid-scan, and the scan goes on', async () => {
    let ahead = 0;
    const api = await ident({ now: () => Date.now() + ahead });
    const place = placeOf(api, { secret: api.refreshToken, settings: { refresh_token: '${IDENT}' } });
    await place.sync('product');
    for (const { id } of api.world.users().slice(0, 3)) api.world.remove(id);
    const end = () => {
      ahead = 2 * HOUR;
      return false;
    };
    api.faults.add({ when: ({ endpoint, nth }) => endpoint === ONE && nth === 3 && end(), answer: { kind: 'reset' } });
    const since = api.log.length;
    expect(await place.sync('product')).toMatchObject({ outcome: 'ok', deleted: 3 });
    const statuses = api.log.slice(since).filter(({ status, method }) => status === 401 || method === 'POST');
    expect(statuses.map(({ method, status }) => [method, status])).toEqual([
      ['POST', 201],
      ['GET', 401],
      ['POST', 201],
    ]);
  });

  test('that is refused says which token is meant', async () => {
    const api = await ident();
    const secret = 'refresh.token.ofnobody';
    const run = await placeOf(api, { secret, settings: { refresh_token: '${IDENT}' } }).sync('product');
    expect(run).toMatchObject({ code: 1, error: { kind: 'auth', step: 'POST /tokens' } });
    expect(run.error?.message).toMatch(/refresh token is wrong, revoked, or older/);
    expect(JSON.stringify(run) + run.stderr).not.toContain(secret);
  });
});
