// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are written in this way
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { isObject, type Json } from '../../src/contract/json.ts';
import { type JitsudoApi, type JitsudoOptions, startJitsudo } from '../../src/demo/jitsudo/server.ts';
import { filesOf } from '../support/cli.ts';
import { type Connected, makePlace, type Place } from '../support/places.ts';

const USERS = '/v1/users';
const HOUR = 3_600_000;

const running: JitsudoApi[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.close()));
});

async function jitsudo(options: JitsudoOptions = {}): Promise<JitsudoApi> {
  const api = await startJitsudo({ users: 120, ...options });
  running.push(api);
  return api;
}

function placeOf(api: JitsudoApi, secret = api.apiKey, settings: Connected = { api_key: '${JIT}' }): Place {
  const staff = { source: 'jitsudo', base_url: api.url, tenant_id: api.world.tenantId, ...settings };
  return makePlace({ staff }, { JIT: secret });
}

describe('the users', () => {
  test.each(['api_key', 'token'] as const)(
    'are loaded with a credential given as %s, and the tenant on every call',
    async (kind) => {
      const api = await jitsudo();
      const secret = kind === 'token' ? api.token : api.apiKey;
      const place = placeOf(api, secret, { [kind]: '${JIT}' });
      expect(await place.sync('staff')).toMatchObject({ outcome: 'ok', inserted: 120 });
      expect(new Set(api.log.map(({ headers }) => headers['x-tenant-id']))).toEqual(new Set([api.world.tenantId]));
      expect(await place.rows('select count(*) as n from teams')).toEqual([{ n: 3 }]);
      expect(await place.sync('staff')).toMatchObject({ outcome: 'ok', unchanged: 120, statements: 0 });
    },
  );

  test('who are suspended stay, with active false', async () => {
    const api = await jitsudo();
    const place = placeOf(api);
    await place.sync('staff');
    const user = api.world.users().find(({ active }) => active);
    api.world.change(user?.id ?? '', { active: false });
    expect(await place.sync('staff')).toMatchObject({ outcome: 'ok', updated: 1, deleted: 0 });
    const sql = `select active, deleted_at from users where user_id = '${user?.id}'`;
    expect(await place.rows(sql)).toEqual([{ active: false, deleted_at: null }]);
  });

  test('have large pictures that are read in bounded memory and stored nowhere', async () => {
    const api = await jitsudo({ avatarBytes: 190_000 });
    const place = placeOf(api);
    expect(await place.sync('staff')).toMatchObject({ outcome: 'ok', inserted: 120 });
    const files = filesOf(place.folder).map((file) => readFileSync(file));
    expect(files.some((bytes) => bytes.includes('avatar_base64') || bytes.includes('data:image'))).toBe(false);
  });

  test('who left are told when lookups answer in the envelope of lists, too', async () => {
    const api = await jitsudo({ users: 12 });
    const place = placeOf(api);
    await place.sync('staff');
    const edit = (body: Json) => (isObject(body) && 'email' in body ? { data: body } : body);
    api.faults.add({
      when: { path: '/v1/users/{id}' },
      answer: { kind: 'edit', edit },
      times: Number.POSITIVE_INFINITY,
    });
    api.world.remove(api.world.users()[3]?.id ?? '');
    expect(await place.sync('staff')).toMatchObject({ outcome: 'ok', deleted: 1 });
  });

  test('of a page that says that more follow, but not where, are an error', async () => {
    const api = await jitsudo();
    const edit = (body: unknown) => ({ ...Object(body), next_cursor: null });
    api.faults.add({ when: { path: USERS }, answer: { kind: 'edit', edit } });
    expect(await placeOf(api).sync('staff')).toMatchObject({ outcome: 'failed', error: { kind: 'bad-data' } });
  });
});

describe('a refusal', () => {
  const cases: readonly [what: string, secret: (api: JitsudoApi) => string, words: RegExp][] = [
    [
      'another tenant',
      (api) => api.foreignKey,
      /403: credential belongs to another tenant \(code tenant_mismatch\).*set tenant_id/,
    ],
    [
      'a policy',
      (api) => api.deniedKey,
      /403: not permitted by policy; policy "least-privilege" denies ListUsers.*Cedar/,
    ],
  ];
  test.each(cases)('because of %s is shown in the words of the server', async (_what, secretOf, words) => {
    const api = await jitsudo();
    const run = await placeOf(api, secretOf(api)).sync('staff');
    expect(run).toMatchObject({ code: 1, error: { kind: 'permission', retryable: false } });
    expect(run.error?.message).toMatch(words);
    expect(JSON.stringify(run) + run.stderr).not.toContain(secretOf(api));
  });

  test('of a policy is shown with all of its notices', async () => {
    const api = await jitsudo({ users: 1 });
    const notices = ['a'.repeat(200), `${'b'.repeat(200)} end`];
    const body = JSON.stringify({ code: 'forbidden', message: 'denied', details: {}, notices });
    const answer = { kind: 'body', status: 403, body } as const;
    api.faults.add({ when: { path: USERS }, answer, times: Number.POSITIVE_INFINITY });
    expect((await placeOf(api).sync('staff')).error?.message).toContain(
      `denied; ${notices.join('; ')} (code forbidden)`,
    );
  });

  test('of groups alone loads the users, leaves the teams as they were, and says so', async () => {
    const api = await jitsudo();
    const place = placeOf(api);
    await place.sync('staff');
    const user = api.world.users()[0];
    api.world.change(user?.id ?? '', { name: 'Renamed' });
    api.faults.add({
      when: { path: '/v1/groups' },
      answer: { kind: 'status', status: 403, message: 'not permitted by policy' },
      times: Number.POSITIVE_INFINITY,
    });
    const run = await place.sync('staff');
    expect(run).toMatchObject({ code: 0, outcome: 'ok', updated: 1 });
    expect(run.warnings).toEqual([
      expect.stringMatching(/teams stay as they were: .*403: not permitted by policy.*`groups: false` leaves them out/),
    ]);
    expect(await place.rows('select count(*) as n from teams')).toEqual([{ n: 3 }]);
    expect(await place.sync('staff')).toMatchObject({ outcome: 'ok', statements: 0 });
    expect((await place.run(['check', 'staff'])).stdout).toMatch(/no teams, for .*not permitted by policy/);
    const without = placeOf(api, api.apiKey, { api_key: '${JIT}', groups: 'false' });
    expect(await without.sync('staff')).toMatchObject({ outcome: 'ok', inserted: 120 });
  });

  test('because the hour of a token is over in mid-scan keeps the scan, and a new token goes on with it', async () => {
    let ahead = 0;
    const api = await jitsudo({ now: () => Date.now() + ahead });
    const place = placeOf(api, api.token, { token: '${JIT}' });
    const over = () => {
      ahead = 2 * HOUR;
      return false;
    };
    api.faults.add({
      when: ({ endpoint, nth }) => endpoint === USERS && nth === 2 && over(),
      answer: { kind: 'reset' },
    });
    const run = await place.sync('staff');
    expect(run).toMatchObject({ code: 1, outcome: 'failed', error: { kind: 'auth' } });
    expect(run.error?.message).toMatch(/lives for one hour/);
    const staff = { source: 'jitsudo', base_url: api.url, tenant_id: api.world.tenantId, token: '${JIT}' };
    place.connect({ staff }, { JIT: api.issue() });
    const since = api.log.length;
    expect(await place.sync('staff')).toMatchObject({ outcome: 'ok', seen: 120 });
    const pages = api.log.slice(since).filter(({ path }) => path.startsWith(`${USERS}?`));
    expect(pages.map(({ path }) => path.includes('cursor='))).toEqual([true, true]);
  });
});
