import { describe, expect, test } from 'vitest';
import { contentOf, LISTED, listedOf } from '../../src/contract/effects.ts';
import { BadRecord } from '../../src/errors.ts';
import { firstText, idOf, instant, instantOf, NIL_UUID } from '../../src/sources/record.ts';

describe('an instant', () => {
  test.each([
    ['2023-05-02T08:11:09.120331Z', '2023-05-02T08:11:09.120331Z'],
    ['2023-05-02T13:41:09.120331+05:30', '2023-05-02T08:11:09.120331Z'],
    ['2023-05-02T13:41:09.120331+0530', '2023-05-02T08:11:09.120331Z'],
    ['2023-05-02T08:11:09.120331499Z', '2023-05-02T08:11:09.120331Z'],
    ['2023-12-31T23:59:59.9999996Z', '2024-01-01T00:00:00.000000Z'],
    ['2023-05-02 08:11:09z', '2023-05-02T08:11:09.000000Z'],
    ['2023-05-02T08:11:09', '2023-05-02T08:11:09.000000Z'],
    ['2023-05-02T08:11:09.9Z', '2023-05-02T08:11:09.900000Z'],
  ])('%s is %s', (time, expected) => {
    expect(instantOf(time)).toBe(expected);
  });

  test.each(['0001-01-01T00:00:00Z', '0001-01-01T05:53:28+05:53', '0000-12-31T19:03:58-04:56'])(
    '%s is the zero time, and no time at all',
    (time) => {
      expect(instantOf(time)).toBeNull();
    },
  );

  test.each([
    '',
    'soon',
    '2023-05-02',
    '2023-13-02T08:11:09Z',
    '2023-02-30T08:11:09Z',
    '1683015069',
    '9999-12-31T23:59:59.9999999Z',
  ])('%s is none', (time) => {
    expect(instantOf(time)).toBeUndefined();
  });

  test('of a record may be absent, and is a bad record when it is none', () => {
    expect([{}, { at: null }, { at: '' }].map((raw) => instant(raw, 'at'))).toEqual([null, null, null]);
    expect(() => instant({ at: 'soon' }, 'at')).toThrow(/^at: expected a time/);
    expect(() => instant({ at: 'soon' }, 'at')).toThrow(BadRecord);
  });
});

test('the nil UUID is nobody’s id', () => {
  expect(() => idOf({ id: NIL_UUID }, 'id')).toThrow(/^id: the nil UUID/);
});

test('the first text is the first that is more than blanks', () => {
  expect(firstText(null, ' ', ' Ada ', 'Bo')).toBe('Ada');
  expect(firstText(null, '')).toBeNull();
});

describe('a fingerprint', () => {
  test('has its content between the recipe and the listed part', () => {
    expect([contentOf('1.1.ab:c0ffee'), listedOf('1.1.ab:c0ffee')]).toEqual(['c0ffee', null]);
    const fuller = `1.1.ab:c0ffee${LISTED}beef`;
    expect([contentOf(fuller), listedOf(fuller)]).toEqual(['c0ffee', 'beef']);
    expect([contentOf(null), listedOf(null), listedOf(`r:c${LISTED}`)]).toEqual(['', null, '']);
  });
});
