import { beforeEach, describe, expect, test } from 'vitest';
import type { Row } from '../../src/contract/warehouse.ts';
import { warehouses } from '../../src/warehouses/registry.ts';
import { type Desk, readyDesk, recordedAt, reject, type StagedLine, upsert } from '../support/warehouses.ts';

const ALL = Object.values(warehouses);

describe.each(ALL)('$name: a value that does not convert', (warehouse) => {
  let desk: Desk;
  const ids = async (): Promise<unknown[]> => (await desk.rows('users', 'user_id')).map((row) => row.user_id);
  beforeEach(async () => {
    desk = await readyDesk(warehouse);
  });

  test.each([
    ['created_at', 'no time'],
    ['created_at', '2026-02-30T00:00:00Z'],
    ['updated_at', ''],
    ['active', 'perhaps'],
    ['emails', '["cut'],
    ['roles', '{]'],
    ['raw', '{"id":'],
  ])('in %s (%j) keeps its row out and lets the others in', async (column, value) => {
    const bad = upsert('bad', { name: 'Bad', [column]: value });
    const { refused, result } = await desk.apply([upsert('u1'), bad, upsert('u2')]);
    expect(result).toBe('done');
    expect(refused).toEqual(['bad']);
    expect(await ids()).toEqual(['u1', 'u2']);
    expect((await desk.rows('user_changes', 'user_id')).map((row) => row.user_id)).toEqual(['u1', 'u2']);
    expect(await desk.rows('rejected_records', 'payload_hash')).toEqual([
      {
        connection: 'crm',
        source: 'plain',
        run_id: 'run-1',
        page: 1,
        user_id: 'bad',
        reason: `${column}: the warehouse cannot convert this value`,
        payload: bad.raw,
        payload_hash: bad.fingerprint?.slice('r1:'.length),
        rejected_at: recordedAt(1),
        replayed_at: null,
      },
    ]);
  });

  test('leaves the row of a known user as it was', async () => {
    await desk.apply([upsert('u1', { name: 'Ada' })]);
    const before = await desk.rows('users', 'user_id');
    await desk.apply([upsert('u1', { name: 'Bea', created_at: 'no time' })]);
    expect(await desk.rows('users', 'user_id')).toEqual(before);
    expect(await desk.rows('user_changes', 'seq')).toHaveLength(1);
  });

  test('is quarantined once, however often it comes', async () => {
    const bad = upsert('bad', { created_at: 'no time' });
    await desk.apply([bad]);
    await desk.apply([bad, upsert('u1')]);
    expect(await desk.rows('rejected_records', 'payload_hash')).toMatchObject([{ run_id: 'run-1' }]);
    expect(await ids()).toEqual(['u1']);
  });

  test('of a user whose last line converts is no trouble', async () => {
    const { refused } = await desk.apply([upsert('u1', { created_at: 'no time' }), upsert('u1', { name: 'Ada' })]);
    expect(refused).toEqual([]);
    expect(await desk.rows('users', 'user_id')).toMatchObject([{ name: 'Ada' }]);
    expect(await desk.rows('rejected_records', 'payload_hash')).toEqual([]);
  });

  test('in the last line of a user keeps an earlier line of the batch out, too', async () => {
    const { refused } = await desk.apply([upsert('u1', { name: 'Ada' }), upsert('u1', { created_at: 'no time' })]);
    expect(refused).toEqual(['u1']);
    expect(await ids()).toEqual([]);
  });

  test('is loaded once it converts', async () => {
    await desk.apply([upsert('u1', { created_at: 'no time' })]);
    await desk.apply([upsert('u1', { created_at: '2026-01-01T00:00:00Z' })]);
    expect(await ids()).toEqual(['u1']);
  });
});

describe.each(ALL)('$name: records that the engine refused', (warehouse) => {
  let desk: Desk;
  beforeEach(async () => {
    desk = await readyDesk(warehouse);
  });

  test('are kept with their reason and payload beside the users who load', async () => {
    const payload = '{"name":"nul\\u0000 \\"quoted\\" \u{1F469}"}';
    await desk.apply([
      reject(payload, { reason: `name: it's wrong` }),
      upsert('u1'),
      reject('"u9"', { user_id: 'u9' }),
    ]);
    expect(await desk.rows('rejected_records', 'user_id')).toMatchObject(
      [
        { user_id: 'u9', payload: '"u9"', page: 4, rejected_at: recordedAt(1), replayed_at: null, run_id: 'run-1' },
        { user_id: null, payload, reason: `name: it's wrong` },
      ].sort((a, b) => Number(a.user_id === null) - Number(b.user_id === null)),
    );
    expect(await desk.rows('users', 'user_id')).toHaveLength(1);
  });

  test('are kept once a payload, in one batch and over batches', async () => {
    await desk.apply([reject('{"a":1}'), reject('{"a":1}'), reject('{"a":2}')]);
    await desk.apply([reject('{"a":1}', { reason: 'again' }), reject('{"a":3}')]);
    const rows = await desk.rows('rejected_records', 'payload');
    expect(rows.map((row) => [row.payload, row.run_id])).toEqual([
      ['{"a":1}', 'run-1'],
      ['{"a":2}', 'run-1'],
      ['{"a":3}', 'run-2'],
    ]);
  });

  test('are kept for each connection', async () => {
    await desk.apply([reject('{"a":1}')]);
    await desk.claim('e9', null, 'hr');
    await desk.apply([reject('{"a":1}')], { connection: 'hr', epoch: 'e9' });
    expect((await desk.rows('rejected_records', 'connection')).map((row) => row.connection)).toEqual(['crm', 'hr']);
  });
});

describe.each(ALL)('$name: roles and teams', (warehouse) => {
  const refs: StagedLine = { op: 'refs' };
  const role = (id: string, name: string | null, slug: string | null = null): StagedLine => ({
    op: 'role',
    raw: JSON.stringify({ id, name, slug }),
  });
  const team = (id: string, name: string, ...users: string[]): StagedLine => ({
    op: 'team',
    raw: JSON.stringify({ id, name, users: users.map((user) => ({ id: user })) }),
  });
  let desk: Desk;
  const roles = (): Promise<Row[]> => desk.rows('roles', 'connection', 'role_id');
  const teams = (): Promise<Row[]> => desk.rows('teams', 'connection', 'team_id');
  beforeEach(async () => {
    desk = await readyDesk(warehouse);
    await desk.apply([refs, role('r1', "Admin's", 'admin'), role('r2', null), team('t1', 'Support', 'u1', 'u2')]);
  });

  test('are rows with their fields and what was received', async () => {
    const owner = { connection: 'crm', source: 'plain' };
    expect(await roles()).toEqual([
      { ...owner, role_id: 'r1', name: "Admin's", slug: 'admin', raw: { id: 'r1', name: "Admin's", slug: 'admin' } },
      { ...owner, role_id: 'r2', name: null, slug: null, raw: { id: 'r2', name: null, slug: null } },
    ]);
    const users = [{ id: 'u1' }, { id: 'u2' }];
    expect(await teams()).toEqual([
      { ...owner, team_id: 't1', name: 'Support', users, raw: { id: 't1', name: 'Support', users } },
    ]);
  });

  test('are replaced by the next listing', async () => {
    await desk.apply([refs, role('r3', 'Viewer'), upsert('u1')]);
    expect(await roles()).toMatchObject([{ role_id: 'r3' }]);
    expect(await teams()).toEqual([]);
  });

  test('are what the last listing of the batch says', async () => {
    const many = Array.from({ length: 9 }, (_, i) => role(`old${i}`, 'Old'));
    await desk.apply([refs, ...many, refs, role('r9', 'New')]);
    expect(await roles()).toMatchObject([{ role_id: 'r9' }]);
  });

  test('stay where a batch has no listing', async () => {
    await desk.apply([upsert('u1')]);
    expect(await roles()).toHaveLength(2);
  });

  test('of another connection stay', async () => {
    await desk.claim('e9', null, 'hr');
    await desk.apply([refs, role('h1', 'Boss')], { connection: 'hr', epoch: 'e9' });
    expect((await roles()).map((row) => row.role_id)).toEqual(['r1', 'r2', 'h1']);
    await desk.apply([refs]);
    expect((await roles()).map((row) => row.role_id)).toEqual(['h1']);
  });
});
