import { expect, test } from 'vitest';
import type { Role, UserRecord } from '../../src/contract/user.ts';
import { upsertLine } from '../../src/sync/lines.ts';

const ADMIN: Role = { id: null, name: 'admin', slug: 'admin' };

const user = (roles: readonly Role[]): UserRecord => ({
  user_id: 'u1',
  email: null,
  emails: [],
  name: null,
  first_name: null,
  last_name: null,
  roles,
  active: null,
  availability: null,
  avatar_url: null,
  created_at: null,
  updated_at: null,
});

test('a role that a record names twice is loaded once', () => {
  const other: Role = { ...ADMIN, id: 'r2' };
  const { json } = upsertLine(user([ADMIN, other, { ...ADMIN }]), '{}', '1.1.ab:ff', 1);
  expect(JSON.parse(JSON.parse(json).roles)).toEqual([ADMIN, other]);
});
