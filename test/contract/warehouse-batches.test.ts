import { beforeEach, describe, expect, test } from 'vitest';
import { warehouses } from '../../src/warehouses/registry.ts';
import { type Desk, gone, purge, readyDesk, recordedAt, upsert } from '../support/warehouses.ts';
import { FULL, logOf, user, users } from './warehouse.fixture.ts';

const ALL = Object.values(warehouses);

describe.each(ALL)('$name: a user who', (warehouse) => {
  let desk: Desk;
  beforeEach(async () => {
    desk = await readyDesk(warehouse);
  });

  test('is new is one row and one log row with all that is known of him', async () => {
    const line = upsert('u1', FULL);
    await desk.apply([line]);
    const columns = {
      ...FULL,
      connection: 'crm',
      source: 'plain',
      user_id: 'u1',
      emails: ['ada@acme.test', 'a.park@acme.test'],
      roles: [{ id: 'r1', name: 'Admin', slug: 'admin' }],
      active: true,
      created_at: '2026-01-02T03:04:05.678000Z',
      updated_at: '2026-02-03T03:05:06.000000Z',
      raw: { id: 'u1', any: { thing: [1, 2] } },
      first_seen_at: recordedAt(1),
      changed_at: recordedAt(1),
      deleted_at: null,
      fingerprint: line.fingerprint,
      seq: 1,
      run_id: 'run-1',
    };
    expect(await users(desk)).toEqual([columns]);
    const change = { op: 'insert', recorded_at: recordedAt(1), changed_fields: [] };
    expect(await desk.rows('user_changes', 'seq')).toEqual([{ ...change, ...columns }]);
  });

  test('has nothing but an id is a row', async () => {
    await desk.apply([
      { op: 'upsert', user_id: 'u1', emails: '[]', roles: '[]', raw: '{"id":"u1"}', fingerprint: 'r1:x' },
    ]);
    expect(await user(desk)).toMatchObject({ email: null, name: null, active: null, created_at: null, emails: [] });
  });

  test('changed is updated in place and logged with the fields that differ', async () => {
    await desk.apply([upsert('u1', { ...FULL, name: 'Ada' }), upsert('u2', { name: 'Bea' })]);
    await desk.apply([upsert('u1', FULL)]);
    expect(await user(desk)).toMatchObject({
      name: 'Ada Park',
      first_seen_at: recordedAt(1),
      changed_at: recordedAt(2),
      seq: 2,
      run_id: 'run-2',
    });
    expect(await user(desk, 'u2')).toMatchObject({ changed_at: recordedAt(1), seq: 1, run_id: 'run-1' });
    expect(await logOf(desk)).toEqual(['insert 1 []', 'update 2 ["name"]']);
  });

  test('left keeps his row, marked, and is logged as he was', async () => {
    await desk.apply([upsert('u1', FULL)]);
    await desk.apply([gone('u1')]);
    expect(await user(desk)).toMatchObject({
      name: 'Ada Park',
      raw: { id: 'u1' },
      first_seen_at: recordedAt(1),
      changed_at: recordedAt(2),
      deleted_at: recordedAt(2),
      seq: 2,
    });
    expect(await logOf(desk)).toEqual(['insert 1 []', 'delete 2 []']);
    const [, deleted] = await desk.rows('user_changes', 'seq');
    expect(deleted).toMatchObject({ name: 'Ada Park', email: 'ada@acme.test', deleted_at: recordedAt(2) });
    expect(deleted).toMatchObject({ first_seen_at: recordedAt(1), changed_at: recordedAt(2) });
  });

  test('left and is gone again stays as he was marked', async () => {
    await desk.apply([upsert('u1', FULL)]);
    await desk.apply([gone('u1'), gone('nobody')]);
    const before = await users(desk);
    await desk.apply([gone('u1'), gone('nobody')]);
    expect(await users(desk)).toEqual(before);
    expect(await logOf(desk)).toEqual(['insert 1 []', 'delete 2 []']);
    expect(await logOf(desk, 'nobody')).toEqual([]);
  });

  test('comes back is one restore, with the fields that differ from the row that was kept', async () => {
    await desk.apply([upsert('u1', FULL)]);
    await desk.apply([gone('u1')]);
    await desk.apply([upsert('u1', { ...FULL, email: 'park@acme.test' })]);
    await desk.apply([gone('u1')]);
    await desk.apply([upsert('u1', { ...FULL, email: 'park@acme.test' })]);
    expect(await user(desk)).toMatchObject({
      email: 'park@acme.test',
      first_seen_at: recordedAt(1),
      changed_at: recordedAt(5),
      deleted_at: null,
    });
    expect(await logOf(desk)).toEqual([
      'insert 1 []',
      'delete 2 []',
      'restore 3 ["email"]',
      'delete 4 []',
      'restore 5 []',
    ]);
  });

  test('is removed has no row, is logged with his keys alone, and is new when he comes back', async () => {
    await desk.apply([upsert('u1', FULL), upsert('u2', FULL)]);
    await desk.apply([purge('u1'), purge('nobody')]);
    expect((await users(desk)).map((row) => row.user_id)).toEqual(['u2']);
    const removed = (await desk.rows('user_changes', 'seq')).at(-1);
    expect(removed).toMatchObject({ op: 'delete', user_id: 'u1', seq: 2, deleted_at: recordedAt(2) });
    for (const column of [...Object.keys(FULL), 'fingerprint']) expect(removed?.[column], column).toBeNull();
    await desk.apply([upsert('u1', FULL)]);
    expect(await user(desk)).toMatchObject({ first_seen_at: recordedAt(3), deleted_at: null });
    expect(await logOf(desk)).toEqual(['insert 1 []', 'delete 2 []', 'insert 3 []']);
  });

  test('is written again under another recipe has no log row and was not changed', async () => {
    await desk.apply([upsert('u1', { ...FULL, fingerprint: 'r1:abc' })]);
    await desk.apply([upsert('u1', { ...FULL, fingerprint: 'r2:abc', name: null })]);
    expect(await user(desk)).toMatchObject({
      name: null,
      fingerprint: 'r2:abc',
      seq: 2,
      run_id: 'run-2',
      changed_at: recordedAt(1),
      first_seen_at: recordedAt(1),
    });
    expect(await logOf(desk)).toEqual(['insert 1 []']);
  });

  test('is of another connection with the same id is somebody else', async () => {
    await desk.apply([upsert('u1', FULL)]);
    await desk.claim('e9', null, 'hr');
    await desk.apply([upsert('u1', { name: 'Other' })], { connection: 'hr', epoch: 'e9' });
    await desk.apply([purge('u1')], { connection: 'hr', epoch: 'e9' });
    expect(await users(desk)).toMatchObject([{ connection: 'crm', name: 'Ada Park' }]);
  });

  test.each(['u/1', 'u|1', "u'1", 'u"1', 'u%1', '\u5f20', '\u{1F469}', ' u1 ', 'U1', '1'])(
    'has the id %j',
    async (id) => {
      await desk.apply([upsert('u1', { name: 'plain' }), upsert(id, { name: 'a' })]);
      await desk.apply([upsert(id, { name: 'b' })]);
      expect((await users(desk)).map((row) => `${row.user_id}: ${row.name}`).sort()).toEqual(
        [`${id}: b`, 'u1: plain'].sort(),
      );
      await desk.apply([purge(id)]);
      expect((await users(desk)).map((row) => row.user_id)).toEqual(['u1']);
    },
  );
});
