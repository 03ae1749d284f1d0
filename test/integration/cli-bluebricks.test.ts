// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are written in this way
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { type BluebricksApi, type BluebricksOptions, startBluebricks } from '../../src/demo/bluebricks/server.ts';
import { filesOf } from '../support/cli.ts';
import { makePlace, type Place } from '../support/places.ts';

const MEMBERS = '/api/v1/organization/members';
const FOR_EVER = Number.POSITIVE_INFINITY;

const running: BluebricksApi[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.close()));
});

async function bluebricks(options: BluebricksOptions = {}): Promise<BluebricksApi> {
  const api = await startBluebricks({ users: 250, ...options });
  running.push(api);
  return api;
}

const placeOf = (api: BluebricksApi, secret = api.token): Place =>
  makePlace({ infra: { source: 'bluebricks', base_url: api.url, token: '${BRICKS}' } }, { BRICKS: secret });

const offsets = (api: BluebricksApi): (string | null)[] =>
  api.log
    .filter(({ path }) => path.startsWith(`${MEMBERS}?`))
    .map(({ path }) => new URL(path, 'http://b.test').searchParams.get('offset'));

const LIVE = 'select user_id from users where deleted_at is null order by user_id';

/** Expects the live rows to be the members, each once. */
async function expectMembers(place: Place, api: BluebricksApi): Promise<void> {
  const ids = api.world.members().map(({ id }) => ({ user_id: id }));
  expect(await place.rows(LIVE)).toEqual(ids.sort((a, b) => (a.user_id < b.user_id ? -1 : 1)));
}

describe('the members', () => {
  test.each([
    { shape: 'array', most: 100 },
    { shape: 'total', most: 100 },
    { shape: 'array', most: 20 },
    { shape: 'array', most: 1000 },
    { shape: 'total', most: 7 },
  ] as const)('are each loaded once from $shape pages of at most $most', async (options) => {
    const api = await bluebricks(options);
    const place = placeOf(api);
    expect(await place.sync('infra')).toMatchObject({ outcome: 'ok', inserted: 250, rejected: 0 });
    await expectMembers(place, api);
    expect(await place.sync('infra')).toMatchObject({ outcome: 'ok', unchanged: 250, statements: 0 });
  });

  test('are all there when a limit of a hundred is refused', async () => {
    const api = await bluebricks();
    const refusing = ({ query }: { query: URLSearchParams }) => query.has('limit');
    api.faults.add({
      when: refusing,
      answer: { kind: 'status', status: 400, message: 'limit is too high' },
      times: FOR_EVER,
    });
    expect(await placeOf(api).sync('infra')).toMatchObject({ outcome: 'ok', inserted: 250 });
  });

  test.each([2, 30, 45])('are all met although %i before them are removed in mid-scan', async (gone) => {
    const api = await bluebricks();
    const place = placeOf(api);
    let removed = false;
    const between = ({ nth }: { nth: number }) => {
      if (nth === 2 && !removed) {
        removed = true;
        for (const { id } of api.world.members().slice(0, gone)) api.world.remove(id);
      }
      return false;
    };
    api.faults.add({ when: (seen) => seen.endpoint === MEMBERS && between(seen), answer: { kind: 'reset' } });
    await place.sync('infra');
    const rows = await place.rows(LIVE);
    const missed = api.world.members().filter(({ id }) => !rows.some((row) => row.user_id === id));
    expect(missed).toEqual([]);
    expect(await place.sync('infra')).toMatchObject({ outcome: 'ok', deleted: gone });
  });

  test('who come in at the front in mid-scan repeat others, who are loaded once', async () => {
    const api = await bluebricks();
    const place = placeOf(api);
    const between = ({ endpoint, nth }: { endpoint: string; nth: number }) => {
      if (endpoint === MEMBERS && nth === 2) for (let n = 0; n < 95; n += 1) api.world.add({}, 0);
      return false;
    };
    api.faults.add({ when: between, answer: { kind: 'reset' } });
    expect(await place.sync('infra')).toMatchObject({ outcome: 'ok', inserted: 250, updated: 0 });
    expect(await place.sync('infra')).toMatchObject({ outcome: 'ok', inserted: 95, updated: 0 });
    await expectMembers(place, api);
  });

  test('go on from the recorded offset after a kill', async () => {
    const api = await bluebricks();
    const place = placeOf(api);
    api.faults.add({ when: { path: MEMBERS, nth: 3 }, answer: { kind: 'slow', ms: 60_000 } });
    const { child, ended } = place.start(['sync', 'infra', '--json']);
    await expect.poll(() => offsets(api).length, { timeout: 10_000 }).toBe(3);
    child.kill('SIGKILL');
    await ended;
    const asked = offsets(api).length;
    expect(await place.sync('infra')).toMatchObject({ outcome: 'ok', seen: 250 });
    expect(offsets(api)[asked]).not.toBe('0');
    await expectMembers(place, api);
  });

  test('of a page that is empty although there are more are an error, and nobody is deleted', async () => {
    const api = await bluebricks({ shape: 'total' });
    const place = placeOf(api);
    await place.sync('infra');
    const empty = { kind: 'body', body: JSON.stringify({ total: 250, list: [] }) } as const;
    api.faults.add({ when: { path: MEMBERS, nth: 2 }, answer: empty, times: FOR_EVER });
    const run = await place.sync('infra');
    expect(run).toMatchObject({ outcome: 'failed', deleted: 0, error: { kind: 'bad-data' } });
    expect(run.error?.message).toMatch(/says that there are 250/);
  });

  test('who left are confirmed by id, with the bar in it encoded', async () => {
    const api = await bluebricks();
    const place = placeOf(api);
    await place.sync('infra');
    const [user] = api.world.members();
    api.world.remove(user?.id ?? '');
    expect(await place.sync('infra')).toMatchObject({ outcome: 'ok', deleted: 1 });
    expect(api.log.map(({ path }) => path)).toContain(`/api/v1/user/${encodeURIComponent(user?.id ?? '')}`);
  });
});

describe('a credential', () => {
  test('that lacks a scope is told which ones are needed', async () => {
    const api = await bluebricks();
    for (const scope of ['read:users', 'read:organization']) {
      const run = await placeOf(api, api.tokenWithout(scope)).sync('infra');
      expect(run).toMatchObject({ code: 1, error: { kind: 'permission', retryable: false } });
      expect(run.error?.message).toMatch(/Missing scope: read:\w+.*read:users .*read:organization/);
    }
  });

  test('of another organization is refused', async () => {
    const [one, other] = [await bluebricks({ seed: 1 }), await bluebricks({ seed: 2 })];
    const place = placeOf(one);
    await place.sync('infra');
    place.connect({ infra: { source: 'bluebricks', base_url: other.url, token: '${BRICKS}' } });
    expect(await place.sync('infra')).toMatchObject({ code: 2, error: { kind: 'config' } });
  });
});

test('a 400, by which Bluebricks tells of failures of its own, is asked again', async () => {
  const api = await bluebricks({ users: 12 });
  for (const path of ['/api/v1/organization', '/api/v1/organization/roles'])
    api.faults.add({ when: { path }, answer: { kind: 'status', status: 400, message: 'Failed to fetch' }, times: 2 });
  expect(await placeOf(api).sync('infra')).toMatchObject({ outcome: 'ok', inserted: 12, retries: 4 });
});

test('a 429 without headers is waited out', async () => {
  const api = await bluebricks();
  api.faults.add({ when: { path: MEMBERS }, answer: { kind: 'status', status: 429 }, times: 3 });
  expect(await placeOf(api).sync('infra')).toMatchObject({ outcome: 'ok', inserted: 250, retries: 3 });
});

test('the e-mail hash is stored nowhere', async () => {
  const api = await bluebricks();
  const place = placeOf(api);
  await place.sync('infra');
  const hashes = api.world
    .members()
    .flatMap(({ pylonEmailHash }) => (pylonEmailHash === undefined ? [] : [pylonEmailHash]));
  expect(hashes.length).toBeGreaterThan(0);
  const files = filesOf(place.folder).map((file) => readFileSync(file));
  expect(files.some((bytes) => bytes.includes('pylonEmailHash') || hashes.some((one) => bytes.includes(one)))).toBe(
    false,
  );
});
