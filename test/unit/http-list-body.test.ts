import { describe, expect, test } from 'vitest';
import { type ListPart, listParts, type Sizes } from '../../src/http/list-body.ts';

/** A repeatable source of chance (mulberry32), so that a failure can be run again. */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

type Pick = (below: number) => number;

const TEXTS = ['', 'data', '"data":[', ']}', '\\', '"', '{"data":[1]}', 'é', '日本', '😀', 'a,b', '\u2028', '\t\n'];
const KEYS = ['data', 'id', 'x', '"', 'a\\', '__proto__', 'Data'];

function text(pick: Pick): string {
  return TEXTS[pick(TEXTS.length)] ?? '';
}

function value(pick: Pick, depth: number): string {
  const kind = pick(depth > 3 ? 4 : 6);
  if (kind === 0) return JSON.stringify(text(pick));
  if (kind === 1) return ['0', '-1.5e3', '12345678901234567890', '7'][pick(4)] ?? '0';
  if (kind === 2) return ['true', 'false', 'null'][pick(3)] ?? 'null';
  if (kind === 3) return `"\\u00e9\\\\${'z'.repeat(pick(40))}\\""`;
  const space = ['', ' ', '\n  ', '\t'][pick(4)] ?? '';
  const many = pick(5);
  if (kind === 4)
    return `[${space}${Array.from({ length: many }, () => value(pick, depth + 1)).join(`${space},`)}${space}]`;
  return object(pick, depth, KEYS);
}

function object(pick: Pick, depth: number, keys: readonly string[], ...also: string[]): string {
  const space = ['', ' ', '\r\n'][pick(3)] ?? '';
  const names = [...new Set(Array.from({ length: pick(5) }, () => keys[pick(keys.length)] ?? 'k'))];
  const pairs = names.map((name) => `${JSON.stringify(name)}${space}:${space}${value(pick, depth + 1)}`);
  pairs.splice(pick(pairs.length + 1), 0, ...also);
  return `{${space}${pairs.join(`,${space}`)}${space}}`;
}

async function* cutUp(bytes: Buffer, pick: Pick, most: number): AsyncGenerator<Buffer> {
  for (let i = 0; i < bytes.length; ) {
    const end = i + 1 + pick(most);
    // A copy, as each piece of the network is memory of its own.
    yield Buffer.from(bytes.subarray(i, end));
    i = end;
  }
}

/** Short bodies read as long ones are, in small groups; the same parsed at once; and a long body as it is read. */
const SPLIT: Sizes = { buffered: 0, group: 20, items: 3, characters: 100 };
const WHOLE: Sizes = { ...SPLIT, buffered: 1e9 };
const LONG: Sizes = { buffered: 500_000, group: 65_536, items: 1_000, characters: 1e6 };

async function read(body: string, items: string | null, sizes = SPLIT, most = 7) {
  const parts: ListPart[] = [];
  const chunks = cutUp(Buffer.from(body), chance(body.length), most);
  for await (const part of listParts(chunks, items, sizes)) parts.push(part);
  return parts;
}

const itemsOf = (parts: readonly ListPart[]) => parts.flatMap((part) => part.items);

describe('split as it arrives', () => {
  test('400 random documents in random pieces give what parsing them whole gives', async () => {
    for (let seed = 1; seed <= 400; seed++) {
      const pick = chance(seed);
      const list = `[${Array.from({ length: pick(12) }, () => value(pick, 2)).join(' ,\n')}]`;
      const bare = pick(3) === 0;
      const others = KEYS.filter((key) => key !== 'data');
      const body = `${pick(4) === 0 ? '\uFEFF' : ' '}${bare ? list : object(pick, 0, others, `"data" : ${list}`)}\n`;
      const items = bare ? null : 'data';
      const streamed = await read(body, items, SPLIT, 1 + pick(50));
      const whole = await read(body, items, WHOLE);
      expect(whole, `seed ${seed}`).toHaveLength(1);
      expect(JSON.stringify(itemsOf(streamed)), `seed ${seed}: ${body}`).toBe(JSON.stringify(itemsOf(whole)));
      expect(streamed.at(-1)?.envelope, `seed ${seed}`).toEqual(whole[0]?.envelope);
      expect(streamed.at(-1)?.found).toBe(true);
      // Long numbers aside, which JSON.parse rounds, it is what JSON.parse says.
      const plain = JSON.parse(body.trim().replace('\uFEFF', ''));
      expect(JSON.parse(JSON.stringify(itemsOf(whole)))).toEqual(bare ? plain : plain.data);
    }
  });

  test('300 documents cut short anywhere never give a part with an envelope', async () => {
    for (let seed = 1; seed <= 300; seed++) {
      const pick = chance(seed);
      const list = `[${Array.from({ length: 1 + pick(5) }, () => value(pick, 2)).join(',')}]`;
      const body = Buffer.from(pick(2) === 0 ? list : `{"a":{"data":[1]},"data":${list},"more":true}`);
      const short = body.subarray(0, 1 + pick(body.length - 1));
      const ended: unknown[] = [];
      const reading = async (sizes: Sizes): Promise<void> => {
        for await (const part of listParts(cutUp(short, pick, 9), body[0] === 0x5b ? null : 'data', sizes)) {
          if (part.envelope !== null) ended.push(part);
        }
      };
      await expect(reading(SPLIT), `seed ${seed}: ${short}`).rejects.toThrow();
      await expect(reading(WHOLE), `seed ${seed}: ${short}`).rejects.toThrow();
      expect(ended).toEqual([]);
    }
  });

  test('a long list comes in parts of about a thousand, the envelope with the last', async () => {
    const users = Array.from({ length: 5_500 }, (_, i) => ({ id: `u${i}`, name: 'x'.repeat(300) }));
    const parts = await read(JSON.stringify({ total: 1, data: users, more: false }), 'data', LONG, 60_000);
    expect(itemsOf(parts)).toEqual(users);
    expect(Math.max(...parts.map((part) => part.items.length))).toBeLessThan(1_400);
    expect(parts.slice(0, -1).every((part) => part.envelope === null)).toBe(true);
    expect(parts.at(-1)?.envelope).toEqual({ total: 1, more: false });
  });

  test('an element larger than a piece of the network is one element', async () => {
    const big = { id: 'u1', avatar: 'A"\\'.repeat(200_000) };
    expect(itemsOf(await read(JSON.stringify([big, { id: 'u2' }]), null, LONG, 64_000))).toEqual([big, { id: 'u2' }]);
  });

  test.each([
    ['a comma at the end of the list', '{"data":[1,2,]}', 'data'],
    ['a comma at its start', '{"data":[,1]}', 'data'],
    ['an empty element', '{"data":[1,,2]}', 'data'],
    ['brackets that do not match', '{"data":[{"a":1]]}', 'data'],
    ['a list closed by a brace', '{"data":[1}}', 'data'],
    ['two documents back to back', '[1][2]', null],
    ['two objects back to back', '{"data":[1]}{"data":[2]}', 'data'],
    ['garbage after the end', '{"data":[1]} <!-- cached -->', 'data'],
    ['a list that is there twice', '{"data":[1],"data":[2]}', 'data'],
    ['no JSON at all', 'upstream connect error', 'data'],
    ['nothing but space', '  \n ', 'data'],
    ['null', 'null', 'data'],
    ['a lone number', '7', null],
    ['a lone string', '"data"', 'data'],
  ])('%s is an error', async (_what, body, items) => {
    await expect(read(body, items)).rejects.toThrow();
  });

  test.each([
    ['an escaped quote', '{"a\\"":1,'],
    ['an escaped backslash', '{"a\\\\":1,'],
    ['an empty list in an object of the same name', '{"x":{"data":[]},"z":{"y":[1]},'],
    ['a key of the same name further in', '{"x":{"data":[1,2]},"y":["data",[3]],'],
    ['its name as a text', '{"x":"data","y":"[",'],
  ])('the list is split where it comes after %s', async (_what, before) => {
    const body = `${before}"data":[${Array(40).fill('"user"').join(',')}]}`;
    const parts = await read(body, 'data');
    expect(itemsOf(parts)).toEqual(JSON.parse(body).data);
    expect(parts.length).toBeGreaterThan(5);
  });

  test('a body that ends inside its list is told as cut', async () => {
    await expect(read('{"data":[{"id":1},{"id"', 'data')).rejects.toThrow(/middle of its list/);
  });

  test('a comma at the end is an error also where a group of elements was just cut off', async () => {
    const element = JSON.stringify('x'.repeat(30));
    await expect(read(`[${element},${element},]`, null)).rejects.toThrow(/comma/);
  });
});

test.each([SPLIT, WHOLE])(
  'without the list where it belongs, the envelope comes alone and says so (buffered up to $buffered)',
  async (sizes) => {
    const cases: [string, string | null, object][] = [
      ['{"errors":["x"]}', 'data', { errors: ['x'] }],
      ['{"data":null,"more":true}', 'data', { data: null, more: true }],
      ['{"data":{"data":[1]}}', 'data', { data: { data: [1] } }],
      ['{"x":{"data":[1]},"y":[{"data":[2]}]}', 'data', { x: { data: [1] }, y: [{ data: [2] }] }],
      ['[{"data":[1]}]', 'data', {}],
      ['{"data":[1]}', null, { data: [1] }],
    ];
    for (const [body, items, envelope] of cases) {
      expect(await read(body, items, sizes), body).toEqual([{ items: [], envelope, found: false }]);
    }
  },
);

test.each([SPLIT, WHOLE])('the key may be written with escapes (buffered up to $buffered)', async (sizes) => {
  expect(await read('{"d\\u0061ta":[1]}', 'data', sizes)).toEqual([{ items: [1], envelope: {}, found: true }]);
});

test('an envelope key __proto__ stays a key', async () => {
  for (const sizes of [SPLIT, WHOLE]) {
    const [part] = await read('{"__proto__":{"admin":true},"data":[]}', 'data', sizes);
    expect(Object.hasOwn(part?.envelope ?? {}, '__proto__')).toBe(true);
    expect(part?.envelope?.admin).toBeUndefined();
  }
});
