/** A 53-bit hash of a text (cyrb53's mixing): fast, and never 0. Not for secrets. */
function hash(text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x9e3779b1);
    b = Math.imul(b ^ unit, 0x5f356495);
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  return 4294967296 * (2097151 & b) + (a >>> 0) + 1;
}

/**
 * Ids met by a first scan, before the ledger has an index of ids (building it afterwards is several times cheaper).
 * `mayHave` false is certain; true is nearly so and is settled by the ledger itself. 16 bytes an id.
 */
export interface IdFilter {
  add(id: string): void;
  mayHave(id: string): boolean;
}

/** Makes an empty filter: hashes in an open-addressed table that doubles when it is half full. */
export function idFilter(): IdFilter {
  let table = new Float64Array(1 << 12);
  let used = 0;
  const slot = (of: Float64Array, value: number): number => {
    let at = value % of.length;
    while (of[at] !== 0 && of[at] !== value) at = (at + 1) % of.length;
    return at;
  };
  const grow = (): void => {
    const larger = new Float64Array(table.length * 2);
    for (const value of table) if (value !== 0) larger[slot(larger, value)] = value;
    table = larger;
  };
  return {
    add(id) {
      if (used * 2 >= table.length) grow();
      const value = hash(id);
      const at = slot(table, value);
      if (table[at] === 0) used += 1;
      table[at] = value;
    },
    mayHave: (id) => table[slot(table, hash(id))] !== 0,
  };
}
