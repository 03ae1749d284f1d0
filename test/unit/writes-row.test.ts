import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/contract/json.ts';
import type { WriteOp } from '../../src/contract/writes.ts';
import { identWrites } from '../../src/sources/ident-writes.ts';
import { jitsudoWrites } from '../../src/sources/jitsudo-writes.ts';
import { pylonWrites } from '../../src/sources/pylon-writes.ts';
import { keyOf, refuseRepeats, rowOf } from '../../src/writes/row.ts';

const given = (
  values: readonly (readonly [string, Json])[],
  op: WriteOp = 'update',
  user_id: string | null = 'u1',
) => ({
  op,
  user_id,
  values,
  where: 'line 2',
});
const staff = (...values: readonly (readonly [string, Json])[]) => rowOf(jitsudoWrites, 'jitsudo', given(values));

describe('values', () => {
  test('of a list are split at commas, or taken from an array', () => {
    const values = [' a, b,,c ', ['a', 'b,c'], ''] as const;
    expect(
      values.map((value) => staff(['roles', typeof value === 'string' ? value : [...value]]).settings[0]?.value),
    ).toEqual([['a', 'b', 'c'], ['a', 'b,c'], []]);
  });

  test('of a list are added to with + or +=', () => {
    expect(staff(['roles+', 'a']).settings).toEqual(staff(['roles+=', 'a']).settings);
    expect(staff(['roles+', 'a']).settings).toEqual([{ field: 'roles', value: ['a'], add: true }]);
  });

  test('of a switch are true and false, as text too, and nothing else', () => {
    expect([true, 'TRUE', 'false'].map((value) => staff(['active', value]).settings[0]?.value)).toEqual([
      true,
      true,
      false,
    ]);
    expect([1, 'yes', 'on'].map((value) => staff(['active', value]).problem)).toEqual([
      'active: is true or false',
      'active: is true or false',
      'active: is true or false',
    ]);
  });

  test('that are objects are refused', () => {
    expect(staff(['name', { first: 'Kai' }]).problem).toBe('name: takes one value, not a list or an object');
    expect(staff(['roles', [['a']]]).problem).toBe('roles: takes a list of texts');
    expect(staff(['roles', ['a', ' ']]).problem).toBe('roles: has an empty entry');
  });
});

describe('a row is refused', () => {
  test('for all that is wrong with it at once', () => {
    expect(staff(['nick', 'x'], ['active', 'perhaps']).problem).toBe(
      'jitsudo has no field nick that can be written; update takes name, roles, active; active: is true or false',
    );
  });

  test('when two of its fields set the same', () => {
    expect(staff(['roles', 'a'], ['roles+', 'b']).problem).toBe('roles: is set twice');
    const row = rowOf(
      pylonWrites,
      'pylon',
      given([
        ['role', 'admin'],
        ['role_id', 'r1'],
      ]),
    );
    expect(row.problem).toBe('role_id: role sets the same; give one of the two');
  });

  test('when it lacks an id, or gives one to a new user', () => {
    expect(rowOf(jitsudoWrites, 'jitsudo', given([], 'delete', null)).problem).toBe('user_id: delete needs one');
    expect(rowOf(identWrites, 'ident', given([['email', 'a@b.test']], 'create', 'u1')).problem).toBe(
      'user_id: the system gives a new user his id; leave it out',
    );
  });

  test('when it deletes and sets', () => {
    expect(rowOf(jitsudoWrites, 'jitsudo', given([['name', 'x']], 'delete')).problem).toBe(
      'name: delete does not take it',
    );
  });

  test('when an earlier one makes the same new user, in another case of the address', () => {
    const make = (email: string) => rowOf(identWrites, 'ident', given([['email', email]], 'create', null));
    expect(refuseRepeats([make('a@b.test'), make('A@b.test'), make('c@b.test')]).map(({ problem }) => problem)).toEqual(
      [null, 'line 2 is about the same user; write one row for each', null],
    );
  });
});

test('a row has the same key in whatever order its fields stand, and another for another value', () => {
  const [a, b, c] = [
    staff(['name', 'Kai'], ['active', true]),
    staff(['active', 'true'], ['name', 'Kai']),
    staff(['name', 'Kim'], ['active', true]),
  ].map(keyOf);
  expect(a).toBe(b);
  expect(a).not.toBe(c);
});
