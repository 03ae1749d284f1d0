import type { Row } from '../../src/contract/warehouse.ts';
import type { Desk } from '../support/warehouses.ts';

/** A user with something in every column. */
export const FULL = {
  email: 'ada@acme.test',
  emails: '["ada@acme.test","a.park@acme.test"]',
  name: 'Ada Park',
  first_name: 'Ada',
  last_name: 'Park',
  roles: '[{"id":"r1","name":"Admin","slug":"admin"}]',
  active: 'true',
  availability: 'away',
  avatar_url: 'https://files.test/ada.png?expires=1',
  created_at: '2026-01-02T03:04:05.678Z',
  updated_at: '2026-02-03T04:05:06+01:00',
  raw: '{"id":"u1","any":{"thing":[1,2]}}',
} as const;

/** Rows of `users`. */
export const users = async (desk: Desk): Promise<Row[]> => desk.rows('users', 'connection', 'user_id');

/** The log of one user as `op seq fields`. */
export async function logOf(desk: Desk, user_id = 'u1'): Promise<string[]> {
  const rows = await desk.rows('user_changes', 'seq', 'recorded_at');
  return rows
    .filter((row) => row.user_id === user_id)
    .map((row) => `${row.op} ${row.seq} ${JSON.stringify(row.changed_fields)}`);
}

/** One user's row. */
export async function user(desk: Desk, user_id = 'u1'): Promise<Row | undefined> {
  return (await users(desk)).find((row) => row.user_id === user_id);
}
