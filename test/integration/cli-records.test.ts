import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/contract/json.ts';
import type { AddedFault, PageFault } from '../../src/demo/pylon/faults.ts';
import type { PylonApi } from '../../src/demo/pylon/server.ts';
import { expectTable, isPage, json, makeHome, type Row, smallPages } from '../support/cli.ts';
import { start } from '../support/pylon.ts';

/** Puts one more record on the given page of every listing. */
function addRecord(api: PylonApi, page: number, record: unknown): AddedFault {
  const answer: PageFault = { kind: 'record', json: JSON.stringify(record) };
  const cursors = new Set<string>();
  const strikes = new Map<string, boolean>();
  return api.faults.add({
    when: (request) => {
      if (!isPage(request)) return false;
      const cursor = request.query.get('cursor') ?? '';
      cursors.add(cursor);
      if (!strikes.has(cursor)) strikes.set(cursor, cursors.size === page);
      return strikes.get(cursor) ?? false;
    },
    answer,
    times: Number.POSITIVE_INFINITY,
  });
}

async function threePages(): Promise<PylonApi> {
  const api = await start({ users: 300, seed: 8 });
  smallPages(api);
  return api;
}

describe('the same user on two pages', () => {
  test('ends as one row, the later one, counted and logged once', async () => {
    const api = await threePages();
    const home = makeHome(api);
    const [first] = api.world.users();
    if (first === undefined) throw new Error('the world is empty');
    addRecord(api, 3, { ...first, name: 'Later Version' });
    const run = await home.sync();
    expect(run).toMatchObject({ outcome: 'ok', pages: 3, seen: 300, inserted: 300, updated: 0, rejected: 0 });
    expect(await home.rows(`select name from users where user_id = '${first.id}'`)).toEqual([
      { name: 'Later Version' },
    ]);
    expect(await home.rows(`select op, name from user_changes where user_id = '${first.id}'`)).toEqual([
      { op: 'insert', name: 'Later Version' },
    ]);
    expect(await home.rows('select count(*) as n from users')).toEqual([{ n: 300 }]);
  });

  test('changes nothing when he goes from one version to another and back within a scan', async () => {
    const api = await threePages();
    const home = makeHome(api);
    const [first] = api.world.users();
    if (first === undefined) throw new Error('the world is empty');
    await home.sync();
    const added = [addRecord(api, 2, { ...first, name: 'Passing Version' }), addRecord(api, 3, first)];
    const run = await home.sync();
    expect(added.map((fault) => fault.fired())).toEqual([1, 1]);
    expect(run).toMatchObject({ outcome: 'ok', seen: 300, inserted: 0, updated: 0, unchanged: 300 });
    await expectTable(home);
    expect(await home.rows(`select op from user_changes where user_id = '${first.id}'`)).toEqual([{ op: 'insert' }]);
  });
});

const NAMELESS: JsonObject = { name: 'Nobody', email: 'nobody@acme.test' };

describe('a malformed record', () => {
  test.each([
    { what: 'without an id', record: NAMELESS, reason: /without an id/, user_id: null },
    { what: 'that is a number', record: 42, reason: /not an object/, user_id: null },
    { what: 'that is null', record: null, reason: /not an object/, user_id: null },
    {
      what: 'whose name is an object',
      record: { id: 'u_odd', name: { first: 'A' } },
      reason: /name: .*an object/,
      user_id: 'u_odd',
    },
    { what: 'whose id is a list', record: { id: ['u_1'], name: 'A' }, reason: /id: .*a list/, user_id: null },
  ])('$what is quarantined with its reason, and the rest load', async ({ record, reason, user_id }) => {
    const api = await threePages();
    const home = makeHome(api);
    addRecord(api, 2, record);
    const first = await home.sync();
    expect(first).toMatchObject({ code: 0, outcome: 'ok', inserted: 300, rejected: 1 });
    expect(first.seen).toBe(user_id === null ? 300 : 301);
    await expectTable(home);
    const rows = await home.rows(
      'select connection, source, run_id, page, user_id, reason, payload from rejected_records',
    );
    expect(rows).toEqual([
      {
        connection: 'support',
        source: 'pylon',
        run_id: first.run_id,
        page: 2,
        user_id,
        reason: expect.stringMatching(reason),
        payload: JSON.stringify(record),
      },
    ]);

    const second = await home.sync();
    expect(second).toMatchObject({ code: 0, outcome: 'ok', inserted: 0, updated: 0, unchanged: 300, rejected: 1 });
    expect(second).toMatchObject({ batches: 0, statements: 0 });
    expect(await home.rows('select count(*) as n from rejected_records')).toEqual([{ n: 1 }]);
  });

  test('of a known user keeps his row as it was until he is well again', async () => {
    const api = await threePages();
    const home = makeHome(api);
    await home.sync();
    const [, , user] = api.world.users();
    if (user === undefined) throw new Error('the world is empty');
    // The type says text; the API may send anything.
    api.world.replace({ ...user, name: { broken: true } as unknown as string });
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', seen: 300, updated: 0, deleted: 0, rejected: 1 });
    expect(await home.rows(`select name, deleted_at from users where user_id = '${user.id}'`)).toEqual([
      { name: user.name, deleted_at: null },
    ]);
    const listed = json<Row[]>((await home.run(['rejected', 'list', '--json'])).stdout);
    expect(listed).toMatchObject([{ connection: 'support', user_id: user.id }]);
    api.world.replace({ ...user, name: 'Well Again' });
    expect(await home.sync()).toMatchObject({ code: 0, outcome: 'ok', updated: 1, rejected: 0 });
    await expectTable(home);
  });
});
