import { beforeEach, describe, expect, test } from 'vitest';
import type { Row } from '../../src/contract/warehouse.ts';
import { warehouses } from '../../src/warehouses/registry.ts';
import { type Desk, gone, purge, readyDesk, recordedAt, SOURCE, upsert } from '../support/warehouses.ts';

const ROLES = '[{"id":"r1","name":"Admin","slug":"admin"},{"id":"r2","name":null,"slug":null}]';

const ids = (rows: readonly Row[]): unknown[] => rows.map((row) => row.user_id);

describe.each(Object.values(warehouses))('$name: the view', (warehouse) => {
  let desk: Desk;
  beforeEach(async () => {
    desk = await readyDesk(warehouse);
  });

  test('current_users has everybody who is not deleted, whatever his account', async () => {
    await desk.apply([upsert('u1'), upsert('u2', { active: 'false' }), upsert('u3', { active: null })]);
    await desk.apply([gone('u1')]);
    const rows = await desk.rows('current_users', 'user_id');
    expect(ids(rows)).toEqual(['u2', 'u3']);
    expect(Object.keys(rows[0] ?? {})).toEqual(Object.keys((await desk.rows('users', 'user_id'))[0] ?? {}));
  });

  test('user_history has one row a version, with gaps only from a delete to the return', async () => {
    await desk.apply([upsert('u1', { name: 'A' }), upsert('u2', { name: 'X' })]);
    await desk.apply([upsert('u1', { name: 'B' })]);
    await desk.apply([gone('u1')]);
    await desk.apply([upsert('u2', { name: 'Y' })]);
    await desk.apply([upsert('u1', { name: 'C' })]);
    await desk.apply([purge('u1')]);
    await desk.apply([upsert('u1', { name: 'D' })]);
    const rows = await desk.rows('user_history', 'user_id', 'valid_from');
    expect(rows.map((row) => [row.user_id, row.name, row.op, row.valid_from, row.valid_to])).toEqual([
      ['u1', 'A', 'insert', recordedAt(1), recordedAt(2)],
      ['u1', 'B', 'update', recordedAt(2), recordedAt(3)],
      ['u1', 'C', 'restore', recordedAt(5), recordedAt(6)],
      ['u1', 'D', 'insert', recordedAt(7), null],
      ['u2', 'X', 'insert', recordedAt(1), recordedAt(4)],
      ['u2', 'Y', 'update', recordedAt(4), null],
    ]);
  });

  test('user_history has never two versions of a user at one time, and ends with his row', async () => {
    const step = [upsert('u1', { name: 'A' }), gone('u1'), upsert('u1', { name: 'A' }), upsert('u1', { name: 'B' })];
    for (let i = 0; i < 12; i += 1) {
      const line = step[i % step.length];
      if (line !== undefined) await desk.apply([line, upsert('u2', { name: String(i) })]);
    }
    for (const user_id of ['u1', 'u2']) {
      const versions = (await desk.rows('user_history', 'valid_from')).filter((row) => row.user_id === user_id);
      for (const [i, version] of versions.entries()) {
        const next = versions[i + 1];
        expect(String(version.valid_from) < String(version.valid_to ?? '9999')).toBe(true);
        if (next !== undefined) expect(String(version.valid_to) <= String(next.valid_from)).toBe(true);
      }
      expect(versions.at(-1)?.valid_to).toBeNull();
      const [user] = (await desk.rows('users', 'user_id')).filter((row) => row.user_id === user_id);
      expect(versions.at(-1)).toMatchObject({ name: user?.name, valid_from: user?.changed_at });
    }
  });

  test('user_history keeps users of two connections apart', async () => {
    await desk.apply([upsert('u1', { name: 'A' })]);
    await desk.claim('e9', null, 'hr');
    await desk.apply([upsert('u1', { name: 'B' })], { connection: 'hr', epoch: 'e9', recorded_at: recordedAt(2) });
    expect((await desk.rows('user_history', 'connection')).map((row) => row.valid_to)).toEqual([null, null]);
  });

  test('user_roles has one row a user and role, of users who are not deleted', async () => {
    await desk.apply([
      upsert('u1', { name: 'Ada', email: 'ada@acme.test', roles: ROLES }),
      upsert('u2'),
      upsert('u3', { roles: ROLES }),
    ]);
    await desk.apply([gone('u3')]);
    const user = {
      connection: 'crm',
      source: SOURCE,
      user_id: 'u1',
      email: 'ada@acme.test',
      name: 'Ada',
      active: true,
    };
    expect(await desk.rows('user_roles', 'user_id', 'role_id')).toEqual([
      { ...user, role_id: 'r1', role_name: 'Admin', role_slug: 'admin' },
      { ...user, role_id: 'r2', role_name: null, role_slug: null },
    ]);
  });
});

describe.each(Object.values(warehouses))('$name: the view people', (warehouse) => {
  let desk: Desk;
  beforeEach(async () => {
    desk = await readyDesk(warehouse);
    await desk.claim('e9', null, 'hr');
    const hr = { connection: 'hr', epoch: 'e9', source: 'other', recorded_at: recordedAt(7) };
    await desk.apply(
      [
        upsert('h1', { name: 'Park, Ada', email: 'ada@acme.test', active: null }),
        upsert('h2', { email: 'bea@acme.test' }),
        upsert('u3'),
      ],
      hr,
    );
    await desk.apply([
      upsert('u1', { name: 'Ada Park', email: 'ada@acme.test', roles: ROLES }),
      upsert('u2', { name: 'No Address' }),
      upsert('u3', { name: 'No Address' }),
    ]);
    await desk.apply([gone('u1')]);
  });

  test('has one row a person across connections', async () => {
    const rows = await desk.rows('people', 'email');
    const ada = rows.filter((row) => row.email === 'ada@acme.test');
    expect(ada).toEqual([
      {
        email: 'ada@acme.test',
        name: 'Ada Park',
        account_count: 2,
        accounts: [
          {
            connection: 'crm',
            source: SOURCE,
            user_id: 'u1',
            name: 'Ada Park',
            active: true,
            deleted_at: expect.stringMatching(/^2026-11-01T10:02:00(\.0+)?Z$/),
            roles: [
              { id: 'r1', name: 'Admin', slug: 'admin' },
              { id: 'r2', name: null, slug: null },
            ],
          },
          {
            connection: 'hr',
            source: 'other',
            user_id: 'h1',
            name: 'Park, Ada',
            active: null,
            deleted_at: null,
            roles: [],
          },
        ],
      },
    ]);
    expect(rows.filter((row) => row.email === 'bea@acme.test')).toMatchObject([{ name: null, account_count: 1 }]);
  });

  test('has each account without an address alone, also where ids and names are the same', async () => {
    const alone = (await desk.rows('people', 'email')).filter((row) => row.email === null);
    expect(alone.map((row) => row.account_count)).toEqual([1, 1, 1]);
    // Read from the view, whose columns the test above has checked.
    const accounts = alone.flatMap((row) => row.accounts as Row[]);
    expect(accounts.map((account) => `${account.connection} ${account.user_id}`).sort()).toEqual([
      'crm u2',
      'crm u3',
      'hr u3',
    ]);
  });
});

describe.each(Object.values(warehouses))('$name: the view of a source’s own fields', (warehouse) => {
  const raw = (fields: object): Record<string, string> => ({ raw: JSON.stringify({ id: 'u1', ...fields }) });
  const view = `${SOURCE}_users`;

  test('has each typed, read from the received record', async () => {
    const desk = await readyDesk(warehouse);
    const fields = { job: { title: 'Lead "ops"' }, locked: false, logins: 9007199254740000, tags: ['a', { b: null }] };
    await desk.apply([upsert('u1', raw({ ...fields, seen_at: '2026-01-02T03:04:05+01:00' }))]);
    const [row] = await desk.rows(view, 'user_id');
    expect(row).toMatchObject({
      title: 'Lead "ops"',
      locked: false,
      logins: 9007199254740000,
      seen_at: '2026-01-02T02:04:05.000000Z',
      tags: ['a', { b: null }],
      connection: 'crm',
      user_id: 'u1',
      first_seen_at: recordedAt(1),
    });
  });

  test.each([
    ['absent', {}],
    ['null', { job: null, locked: null, logins: null, seen_at: null }],
    ['of other types', { job: 'boss', locked: 'perhaps', logins: 'many', seen_at: [] }],
  ])('has null where the values are %s', async (_what, fields) => {
    const desk = await readyDesk(warehouse);
    await desk.apply([upsert('u1', raw(fields))]);
    const [row] = await desk.rows(view, 'user_id');
    expect(row).toMatchObject({ title: null, locked: null, logins: null, seen_at: null });
    expect(row?.tags ?? null).toBeNull();
  });

  test('has the source’s own users who are not deleted', async () => {
    const desk = await readyDesk(warehouse);
    await desk.apply([upsert('u1'), upsert('u2')]);
    await desk.apply([gone('u2')]);
    await desk.claim('e9', null, 'hr');
    await desk.apply([upsert('h1')], { connection: 'hr', epoch: 'e9', source: 'other' });
    expect(ids(await desk.rows(view, 'user_id'))).toEqual(['u1']);
  });
});
