/** A set of small whole numbers as bits: which users a scan has met. Grows by doubling; 1,000,000 users are 125 KB. */
export interface NumberSet {
  add(num: number): void;
  has(num: number): boolean;
  size(): number;
}

/** Makes an empty set. */
export function numberSet(): NumberSet {
  let bits = new Uint8Array(1024);
  let size = 0;
  return {
    add(num) {
      const byte = num >>> 3;
      if (byte >= bits.length) {
        const grown = new Uint8Array(Math.max(bits.length * 2, byte + 1));
        grown.set(bits);
        bits = grown;
      }
      const mask = 1 << (num & 7);
      const old = bits[byte] ?? 0;
      if ((old & mask) === 0) size += 1;
      bits[byte] = old | mask;
    },
    has: (num) => ((bits[num >>> 3] ?? 0) & (1 << (num & 7))) !== 0,
    size: () => size,
  };
}

/** Numbers as ranges (start, length; 32 bits each): a listing mostly keeps its order, so a page is mostly one range. */
export function packRanges(nums: readonly number[]): Buffer {
  const pairs: number[] = [];
  for (const num of nums) {
    const start = pairs.at(-2);
    const length = pairs.at(-1);
    if (start !== undefined && length !== undefined && num === start + length) pairs[pairs.length - 1] = length + 1;
    else pairs.push(num, 1);
  }
  return Buffer.from(Uint32Array.from(pairs).buffer);
}

/** The numbers of a packed page. */
export function* unpackRanges(packed: Buffer): Iterable<number> {
  for (let at = 0; at + 8 <= packed.length; at += 8) {
    const start = packed.readUInt32LE(at);
    const end = start + packed.readUInt32LE(at + 4);
    for (let num = start; num < end; num += 1) yield num;
  }
}
