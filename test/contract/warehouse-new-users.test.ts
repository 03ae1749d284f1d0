import { beforeEach, describe, expect, test } from 'vitest';
import type { Row } from '../../src/contract/warehouse.ts';
import { warehouses } from '../../src/warehouses/registry.ts';
import { type Desk, gone, readyDesk, recordedAt, reject, upsert } from '../support/warehouses.ts';

const ONLY_NEW = { onlyNew: true } as const;

const LINES = [
  upsert('u1', { name: 'first' }),
  upsert('u2', { name: 'Bea', email: 'bea@acme.test', roles: '[{"id":"r1","name":"Admin","slug":null}]' }),
  upsert('u1', { name: 'last', created_at: '2026-01-02T03:04:05Z' }),
  upsert('bad', { created_at: 'no time' }),
  reject('{"name":"nobody"}'),
  gone('nobody'),
];

describe.each(Object.values(warehouses))('$name: a batch that holds new users only', (warehouse) => {
  let desk: Desk;
  const everything = async (): Promise<Row[][]> => [
    await desk.rows('users', 'user_id'),
    await desk.rows('user_changes', 'user_id', 'seq'),
    await desk.rows('rejected_records', 'payload_hash'),
    await desk.rows('rollcall_state', 'connection'),
  ];
  beforeEach(async () => {
    desk = await readyDesk(warehouse);
  });

  test('comes to the same as any other batch', async () => {
    await desk.apply(LINES, ONLY_NEW);
    const inserted = await everything();
    expect(inserted.map((rows) => rows.length)).toEqual([2, 2, 2, 1]);
    const other = await readyDesk(warehouse);
    await other.apply(LINES);
    desk = other;
    expect(await everything()).toEqual(inserted);
  });

  test('leaves a user alone who has a row after all, and logs nothing of him', async () => {
    await desk.apply([upsert('u1', { name: 'Ada' })]);
    await desk.apply([upsert('u1', { name: 'Bea' }), upsert('u2')], ONLY_NEW);
    expect(await desk.rows('users', 'user_id')).toMatchObject([
      { user_id: 'u1', name: 'Ada', seq: 1 },
      { user_id: 'u2', seq: 2, first_seen_at: recordedAt(2) },
    ]);
    const log = await desk.rows('user_changes', 'seq');
    expect(log.map((row) => `${row.op} ${row.user_id}`)).toEqual(['insert u1', 'insert u2']);
  });

  test('is turned away by the fence like any other', async () => {
    const before = await everything();
    expect(await desk.apply(LINES, { ...ONLY_NEW, seq: 5 })).toMatchObject({ result: 'fenced' });
    expect(await everything()).toEqual(before);
  });

  test('knows a user of another connection with the same id as somebody else', async () => {
    await desk.claim('e9', null, 'hr');
    await desk.apply([upsert('u1', { name: 'Other' })], { connection: 'hr', epoch: 'e9' });
    await desk.apply([upsert('u1', { name: 'Ada' })], ONLY_NEW);
    expect((await desk.rows('users', 'connection')).map((row) => row.name)).toEqual(['Ada', 'Other']);
  });
});
