import { beforeEach, describe, expect, test } from 'vitest';
import type { Row, Session } from '../../src/contract/warehouse.ts';
import { RollcallError } from '../../src/errors.ts';
import { layout } from '../../src/sql/ddl.ts';
import { TABLES } from '../../src/sql/tables.ts';
import { warehouses } from '../../src/warehouses/registry.ts';
import {
  CONNECTION,
  type Desk,
  FIELDS,
  openDesk,
  placeOf,
  readyDesk,
  recordedAt,
  SOURCE,
  upsert,
  warehouseDrivers,
} from '../support/warehouses.ts';

test('every registered warehouse has a driver in test/support/warehouses.ts, and no driver is left over', () => {
  expect(Object.keys(warehouseDrivers).sort()).toEqual(Object.keys(warehouses).sort());
});

describe.each(Object.values(warehouses))('$name before anything was made', (warehouse) => {
  test('has no identity, and tells so without a counted statement', async () => {
    const desk = await openDesk(warehouse);
    expect(await desk.session().identity(CONNECTION)).toBeNull();
    expect(desk.session().statements()).toBe(0);
  });

  test('has every table and view once the layout was run, and running it again changes nothing', async () => {
    const desk = await openDesk(warehouse);
    await desk.prepare();
    await desk.claim('e1');
    await desk.apply([upsert('u1', { name: 'Ada' })]);
    const before = await desk.rows('users', 'user_id');
    await desk.prepare();
    await desk.reopen();
    await desk.prepare();
    for (const { name, columns } of TABLES) {
      const known = columns.map((column) => desk.d.name(column.name)).join(', ');
      await expect(desk.read(`select ${known} from ${desk.d.table(name)}`)).resolves.toBeInstanceOf(Array);
    }
    for (const view of ['current_users', 'user_history', 'user_roles', 'people', `${SOURCE}_users`]) {
      await expect(desk.read(`select * from ${desk.d.table(view)}`)).resolves.toBeInstanceOf(Array);
    }
    expect(await desk.rows('users', 'user_id')).toEqual(before);
  });

  test('widens a table that lacks columns and keeps its rows', async () => {
    const desk = await openDesk(warehouse);
    const { d } = desk;
    const old = `create table ${d.table('users')} (${d.name('connection')} ${d.types.text}, ${d.name('user_id')} ${d.types.text})`;
    const row = `insert into ${d.table('users')} values ('crm', 'u0')`;
    await desk.session().run([old, row].map((sql) => ({ sql, params: [] })));
    await desk.prepare();
    await desk.claim('e1');
    await desk.apply([upsert('u1', { name: 'Ada', created_at: '2026-01-01T00:00:00Z' })]);
    expect(await desk.rows('users', 'user_id')).toMatchObject([
      { user_id: 'u0', name: null, seq: null },
      { user_id: 'u1', name: 'Ada', created_at: '2026-01-01T00:00:00.000000Z', seq: 1 },
    ]);
  });

  test('makes in the same session what was given up because of a statement that failed', async () => {
    const desk = await openDesk(warehouse);
    const { d } = desk;
    const failing = { sql: `insert into ${d.table('nowhere')} (${d.name('connection')}) values ('crm')`, params: [] };
    await expect(desk.session().run([...layout(d, SOURCE, FIELDS), failing])).rejects.toBeInstanceOf(RollcallError);
    await desk.prepare();
    await desk.claim('e1');
    await desk.apply([upsert('u1', { name: 'Ada' })]);
    await expect(desk.rows('current_users', 'user_id')).resolves.toMatchObject([{ user_id: 'u1', name: 'Ada' }]);
  });

  test('shows a view with the fields that the source has now', async () => {
    const desk = await openDesk(warehouse);
    await desk.prepare(FIELDS);
    await desk.prepare(FIELDS.slice(0, 1));
    await desk.prepare(FIELDS);
    await expect(desk.read(`select ${desk.d.name('tags')} from ${desk.d.table(`${SOURCE}_users`)}`)).resolves.toEqual(
      [],
    );
  });
});

describe.each(Object.values(warehouses))('$name: whose a connection is', (warehouse) => {
  let desk: Desk;
  beforeEach(async () => {
    desk = await openDesk(warehouse);
    await desk.prepare();
  });

  test('is nobody’s before the first claim', async () => {
    expect(await desk.session().identity(CONNECTION)).not.toBeNull();
    expect(await desk.state()).toBeNull();
  });

  test('is told by its state row after a claim', async () => {
    expect(await desk.claim('e1')).toBe('done');
    expect(await desk.state()).toMatchObject({ epoch: 'e1', seq: 0, batch_id: '', recipe: 'r1', account: 'acme' });
    expect((await desk.state())?.updated_at).toMatch(/^2026-11-01T10:00:00(\.0+)?Z$/);
  });

  test('goes to one of two who claim it from nobody', async () => {
    expect(await desk.claim('e1', null)).toBe('done');
    expect(await desk.claim('e2', null)).toBe('fenced');
    expect(await desk.state()).toMatchObject({ epoch: 'e1' });
  });

  test('goes to one of two who claim it from the same row', async () => {
    await desk.claim('e1');
    await desk.apply([upsert('u1')]);
    const from = await desk.state();
    expect(await desk.claim('e2', from)).toBe('done');
    expect(await desk.claim('e3', from)).toBe('fenced');
    const state = await desk.state();
    expect(state).toMatchObject({ epoch: 'e2', seq: 1, batch_id: from?.batch_id });
  });

  test('is not taken from a row that has moved on', async () => {
    await desk.claim('e1');
    const from = await desk.state();
    await desk.apply([upsert('u1')]);
    expect(await desk.claim('e2', from)).toBe('fenced');
    expect(await desk.state()).toMatchObject({ epoch: 'e1', seq: 1 });
  });

  test('is one for each connection', async () => {
    await desk.claim('e1');
    expect(await desk.claim('e9', null, 'hr')).toBe('done');
    expect(await desk.state()).toMatchObject({ epoch: 'e1' });
    expect(await desk.state('hr')).toMatchObject({ epoch: 'e9' });
  });

  test('turns the writer away who had it before', async () => {
    await desk.claim('e1');
    await desk.claim('e2', await desk.state());
    expect(await desk.apply([upsert('u1')], { epoch: 'e1' })).toMatchObject({ result: 'fenced' });
    expect(await desk.apply([upsert('u1')], { epoch: 'e2' })).toMatchObject({ result: 'done' });
  });
});

describe.each(Object.values(warehouses))('$name: the fence', (warehouse) => {
  let desk: Desk;
  const everything = async (): Promise<Row[][]> => [
    await desk.rows('users', 'connection', 'user_id'),
    await desk.rows('user_changes', 'connection', 'user_id', 'seq'),
    await desk.rows('rollcall_state', 'connection'),
    await desk.rows('rejected_records', 'payload_hash'),
  ];
  beforeEach(async () => {
    desk = await readyDesk(warehouse);
    await desk.apply([upsert('u1', { name: 'Ada' })]);
  });

  const bad = upsert('u9', { created_at: 'no time' });
  const changed = upsert('u1', { name: 'Bea' });

  test.each([
    ['another epoch', { epoch: 'e0' }],
    ['a seq that is left out', { seq: 3 }],
    ['a seq that was', { seq: 1 }],
    ['another connection', { connection: 'hr' }],
  ])('turns away %s, and nothing of the batch happens', async (_what, changes) => {
    const before = await everything();
    expect(await desk.apply([changed, bad], changes)).toMatchObject({ result: 'fenced' });
    expect(await everything()).toEqual(before);
  });

  test('turns the same batch away when it comes again, and the state tells that it is there', async () => {
    const { facts } = await desk.apply([changed]);
    const before = await everything();
    expect(await desk.apply([changed], { seq: 2 })).toMatchObject({ result: 'fenced' });
    expect(await everything()).toEqual(before);
    const { batch_id } = facts;
    expect(await desk.state()).toMatchObject({ seq: 2, batch_id, recipe: 'r1', account: 'acme' });
    expect((await desk.state())?.updated_at.slice(0, 19)).toBe(recordedAt(2).slice(0, 19));
  });

  test('lets the next batch through', async () => {
    expect(await desk.apply([changed])).toMatchObject({ result: 'done' });
    expect(await desk.rows('users', 'user_id')).toMatchObject([{ user_id: 'u1', name: 'Bea', seq: 2 }]);
  });

  test('is passed by a claim’s epoch from the number that it found', async () => {
    await desk.claim('e2', await desk.state());
    expect(await desk.apply([changed], { epoch: 'e2', seq: 1 })).toMatchObject({ result: 'fenced' });
    expect(await desk.apply([changed], { epoch: 'e2', seq: 2 })).toMatchObject({ result: 'done' });
  });

  test('a statement that fails takes everything back, the fence too', async () => {
    const before = await everything();
    const extra = [{ sql: `insert into ${desk.d.table('no_such_table')} values (1)`, params: [] }];
    const failing = desk.apply([changed, upsert('u2')], { extra });
    await expect(failing).rejects.toBeInstanceOf(RollcallError);
    expect(await everything()).toEqual(before);
    expect(await desk.apply([changed], { seq: 2 })).toMatchObject({ result: 'done' });
  });

  test('what was applied is there after closing and opening again', async () => {
    await desk.apply([changed, bad]);
    const before = await everything();
    await desk.reopen();
    expect(await everything()).toEqual(before);
    expect(await desk.apply([upsert('u2')])).toMatchObject({ result: 'done' });
  });
});

describe.each(Object.values(warehouses))('$name: statements that count', (warehouse) => {
  test('are those that load, change or scan: not metadata, not tables, not rows about runs', async () => {
    const desk = await openDesk(warehouse);
    const session: Session = desk.session();
    await session.run(layout(desk.d, SOURCE, FIELDS));
    await session.identity(CONNECTION);
    expect(session.statements()).toBe(0);
    await desk.claim('e1');
    await session.identity(CONNECTION);
    const claimed = session.statements();
    expect(claimed).toBeGreaterThan(0);
    await desk.apply([upsert('u1')]);
    expect(session.statements()).toBeGreaterThan(claimed);
  });
});

describe.each(Object.values(warehouses))('$name: opening', (warehouse) => {
  test('for reading gives nothing while there is nothing to read', async () => {
    expect(await (await placeOf(warehouse)).read()).toBeNull();
  });

  test('for reading shows what was written and changes nothing', async () => {
    const place = await placeOf(warehouse);
    const writing = await place.write();
    await writing.run(layout(place.d, SOURCE, FIELDS));
    await writing.close();
    const reading = await place.read();
    const table = place.d.table('users');
    try {
      const rows = reading?.read({ sql: `select * from ${table}`, params: [] }) ?? [null];
      expect(await Array.fromAsync(rows)).toEqual([]);
      await expect(reading?.run([{ sql: `delete from ${table}`, params: [] }])).rejects.toBeInstanceOf(RollcallError);
    } finally {
      await reading?.close();
    }
  });

  test('options that it does not know are refused', () => {
    const parsed = warehouse.options.safeParse({ unheard_of: 1 });
    expect(parsed.success).toBe(false);
    expect(parsed.error?.message).toMatch(/unheard_of/);
  });
});
