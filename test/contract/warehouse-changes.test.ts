import { beforeEach, describe, expect, test } from 'vitest';
import { warehouses } from '../../src/warehouses/registry.ts';
import { type Desk, gone, readyDesk, recordedAt, upsert } from '../support/warehouses.ts';
import { FULL, logOf, user, users } from './warehouse.fixture.ts';

const ALL = Object.values(warehouses);

describe.each(ALL)('$name: changed_fields', (warehouse) => {
  let desk: Desk;
  const changedBy = async (fields: Readonly<Record<string, string | null>>): Promise<unknown> => {
    await desk.apply([upsert('u1', FULL)]);
    await desk.apply([upsert('u1', { ...FULL, ...fields })]);
    return (await desk.rows('user_changes', 'seq')).at(-1)?.changed_fields;
  };
  beforeEach(async () => {
    desk = await readyDesk(warehouse);
  });

  test.each([
    ['email', 'park@acme.test'],
    ['emails', '[]'],
    ['name', 'ada park'],
    ['first_name', null],
    ['last_name', ''],
    ['roles', '[{"id":"r1","name":"Owner","slug":"admin"}]'],
    ['active', 'false'],
    ['availability', 'active'],
    ['avatar_url', 'https://files.test/other.png?expires=1'],
    ['created_at', '2026-01-02T03:04:05.679Z'],
    ['updated_at', null],
  ])('names %s', async (column, value) => {
    expect(await changedBy({ [column]: value })).toEqual([column]);
  });

  test('names several', async () => {
    const names = await changedBy({
      email: null,
      active: null,
      updated_at: '2026-05-05T00:00:00Z',
      raw: '{"id":"u1"}',
    });
    expect(names).toEqual(['email', 'active', 'updated_at']);
  });

  test('names raw only when nothing else shows the change', async () => {
    expect(await changedBy({ raw: '{"id":"u1","any":"thing"}' })).toEqual(['raw']);
  });

  test('leaves out an avatar of which the query alone is another', async () => {
    const signed = 'https://files.test/ada.png?expires=2';
    expect(await changedBy({ avatar_url: signed, name: 'Ada' })).toEqual(['name']);
    expect(await user(desk)).toMatchObject({ avatar_url: signed });
  });

  test('leaves out the same moment written otherwise', async () => {
    expect(await changedBy({ created_at: '2026-01-02T04:04:05.678+01:00', name: 'Ada' })).toEqual(['name']);
  });

  test('names a value that came where none was', async () => {
    await desk.apply([upsert('u1')]);
    await desk.apply([
      upsert('u1', { name: 'Ada', avatar_url: 'https://files.test/a.png', created_at: '2026-01-01T00:00:00Z' }),
    ]);
    expect(await logOf(desk)).toEqual(['insert 1 []', 'update 2 ["name","avatar_url","created_at"]']);
  });
});

describe.each(ALL)('$name: lines of one batch', (warehouse) => {
  let desk: Desk;
  beforeEach(async () => {
    desk = await readyDesk(warehouse);
    await desk.apply([upsert('u1', { name: 'Ada' })]);
  });

  test('of one user: the last counts, by number and not by its digits', async () => {
    const others = Array.from({ length: 8 }, (_, i) => upsert(`x${i}`));
    await desk.apply([
      upsert('u1', { name: 'second' }),
      upsert('u1', { name: 'third' }),
      ...others,
      upsert('u1', { name: 'last' }),
    ]);
    expect(await user(desk)).toMatchObject({ name: 'last' });
    expect(await logOf(desk)).toEqual(['insert 1 []', 'update 2 ["name"]']);
    expect(await users(desk)).toHaveLength(9);
  });

  test('that come back to what is there log nothing', async () => {
    await desk.apply([upsert('u1', { name: 'Bea' }), upsert('u1', { name: 'Ada' })]);
    expect(await logOf(desk)).toEqual(['insert 1 []']);
    expect(await user(desk)).toMatchObject({ name: 'Ada', changed_at: recordedAt(1) });
  });

  test('that load and then remove a new user do nothing', async () => {
    await desk.apply([upsert('u2'), gone('u2'), gone('u1')]);
    expect(await logOf(desk, 'u2')).toEqual([]);
    expect(await logOf(desk)).toEqual(['insert 1 []', 'delete 2 []']);
    expect((await users(desk)).map((row) => row.user_id)).toEqual(['u1']);
  });

  test('that mark and then load a user are an update', async () => {
    await desk.apply([gone('u1'), upsert('u1', { name: 'Bea' })]);
    expect(await logOf(desk)).toEqual(['insert 1 []', 'update 2 ["name"]']);
    expect(await user(desk)).toMatchObject({ deleted_at: null });
  });

  test('with an older number than the row change nothing', async () => {
    await desk.apply([upsert('u1', { name: 'new' })]);
    const state = desk.d.table('rollcall_state');
    await desk
      .session()
      .run([
        { sql: `update ${state} set ${desk.d.name('seq')} = 1 where ${desk.d.name('connection')} = 'crm'`, params: [] },
      ]);
    await desk.apply([upsert('u1', { name: 'late' }), upsert('u2')], {
      seq: 2,
      run_id: 'late',
      recorded_at: recordedAt(9),
    });
    expect(await user(desk)).toMatchObject({ name: 'new', seq: 2, run_id: 'run-2', changed_at: recordedAt(2) });
    expect(await user(desk, 'u2')).toMatchObject({ seq: 2, run_id: 'late' });
    expect(await logOf(desk)).toEqual(['insert 1 []', 'update 2 ["name"]']);
  });
});
