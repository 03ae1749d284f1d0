import { expect, test } from 'vitest';
import { digest } from '../../bench/digest.ts';

const ada = ['1', 'Ada', 'ada@a.test', 'active'] as const;
const bob = ['2', null, 'bob@a.test', 'away'] as const;

test('users in another order have the same digest', () => {
  expect(digest([bob, ada])).toEqual(digest([ada, bob]));
});

test.each([
  ['one is missing', [ada]],
  ['one is doubled', [ada, bob, bob]],
  ['one is doubled in the place of another', [ada, ada]],
  ['a name differs', [ada, ['2', 'Bob', 'bob@a.test', 'away']]],
  ['nothing stands where the other has an empty text', [ada, ['2', '', 'bob@a.test', 'away']]],
  [
    'two users have swapped names',
    [
      ['1', null, 'ada@a.test', 'active'],
      ['2', 'Ada', 'bob@a.test', 'away'],
    ],
  ],
] as const)('the digest differs when %s', (_what, users) => {
  expect(digest(users).sha256).not.toBe(digest([ada, bob]).sha256);
});
