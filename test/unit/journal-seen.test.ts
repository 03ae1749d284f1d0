import { describe, expect, test } from 'vitest';
import { idFilter } from '../../src/journal/id-filter.ts';
import { numberSet, packRanges, unpackRanges } from '../../src/journal/seen.ts';
import { seededRandom } from '../support/journal.ts';

/** A page's numbers as listings make them: runs, gaps, steps back, repeats, now and then anything. */
function pageOfNumbers(random: () => number): number[] {
  const nums: number[] = [];
  let at = Math.floor(random() * 1_000_000);
  const length = Math.floor(random() * 400);
  while (nums.length < length) {
    const kind = random();
    if (kind < 0.8) at += 1;
    else if (kind < 0.9) at += Math.floor(random() * 50);
    else if (kind < 0.95) at = Math.max(0, at - Math.floor(random() * 50));
    else at = Math.floor(random() * 4_000_000_000);
    nums.push(at);
  }
  return nums;
}

describe('ranges of numbers', () => {
  test('come back as they were packed, in order, repeats included', () => {
    const random = seededRandom(11);
    for (let i = 0; i < 300; i += 1) {
      const nums = pageOfNumbers(random);
      expect([...unpackRanges(packRanges(nums))]).toEqual(nums);
    }
  });

  test.each([[[]], [[0]], [[4_294_967_295]], [[5, 5, 5]], [[3, 2, 1]], [[1, 2, 3, 2, 3, 4]]])(
    '%j come back',
    (nums) => {
      expect([...unpackRanges(packRanges(nums))]).toEqual(nums);
    },
  );

  test('a page in order is one range', () => {
    expect(packRanges(Array.from({ length: 999 }, (_, i) => 70_000 + i))).toHaveLength(8);
  });
});

describe('a set of numbers', () => {
  test('has what was added and nothing else, and counts each once', () => {
    const random = seededRandom(5);
    const [mine, truth] = [numberSet(), new Set<number>()];
    for (let i = 0; i < 5000; i += 1) {
      const num = Math.floor(random() * 30_000);
      mine.add(num);
      truth.add(num);
    }
    expect(mine.size()).toBe(truth.size);
    for (let num = 0; num < 40_000; num += 1) expect(mine.has(num)).toBe(truth.has(num));
  });

  test('grows to far numbers and does not know those beyond its end', () => {
    const set = numberSet();
    set.add(3_000_000);
    expect([set.has(3_000_000), set.has(2_999_999), set.has(3_000_001), set.has(900_000_000)]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});

describe('the filter of ids', () => {
  test('never denies an id that was added, and hardly ever claims another', () => {
    const random = seededRandom(3);
    const filter = idFilter();
    const ids = Array.from({ length: 30_000 }, (_, i) => `${Math.floor(random() * 1e9).toString(36)}-${i}`);
    for (const id of ids) filter.add(id);
    expect(ids.filter((id) => !filter.mayHave(id))).toEqual([]);
    expect(ids.filter((id) => filter.mayHave(`x${id}`)).length).toBeLessThan(3);
  });

  test('takes any text', () => {
    const filter = idFilter();
    const ids = ['', ' ', '\u0000', '\u0000\u0000', '\ud83d', '\u{1F469}', 'u_1', 'U_1', 'a'.repeat(100_000)];
    expect(ids.some((id) => filter.mayHave(id))).toBe(false);
    for (const id of ids) filter.add(id);
    expect(ids.every((id) => filter.mayHave(id))).toBe(true);
  });
});
