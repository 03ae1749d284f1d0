import type { Part } from '../contract/io.ts';
import { isObject, type Json, type JsonObject } from '../contract/json.ts';
import { arraySplitter } from './array-splitter.ts';
import { parseBody } from './body.ts';

/** A piece of a listing's body. */
export type ListPart = Omit<Part, 'headers'>;

/** How a body is read; tests read short ones as if they were long. */
export interface Sizes {
  /** Bodies up to this size are parsed at once. */
  readonly buffered: number;
  /** Bytes of a longer body that are parsed together. Short texts leave little for the collector to do. */
  readonly group: number;
  /** Parts of a longer body have about this many items, or are made of about this many characters. */
  readonly items: number;
  readonly characters: number;
}

const SIZES: Sizes = { buffered: 4 * 1024 * 1024, group: 64 * 1024, items: 1_000, characters: 1024 * 1024 };

/** The answer without its items. Own keys are copied one by one, so that a key `__proto__` stays a key. */
function without(body: JsonObject, key: string): JsonObject {
  const { [key]: _items, ...envelope } = body;
  return envelope;
}

function partOf(body: Json, items: string | null): ListPart {
  if (Array.isArray(body)) {
    return items === null ? { items: body, envelope: {}, found: true } : { items: [], envelope: {}, found: false };
  }
  const envelope = isObject(body) ? body : {};
  const list = items === null ? undefined : envelope[items];
  if (items === null || !Array.isArray(list)) return { items: [], envelope, found: false };
  return { items: list, envelope: without(envelope, items), found: true };
}

function elements(text: string): Json[] {
  const group = parseBody(`[${text}]`);
  // Brackets around it make it an array; anything else failed to parse.
  return Array.isArray(group) ? group : [];
}

/** Groups of elements, parsed and gathered to parts. */
function gatherer(sizes: Sizes) {
  let items: Json[] = [];
  let length = 0;
  const take = (): Json[] => {
    const taken = items;
    items = [];
    length = 0;
    return taken;
  };
  return {
    /** The part that this group completes; null while it is still small. */
    add(text: string): ListPart | null {
      items.push(...elements(text));
      length += text.length;
      return items.length < sizes.items && length < sizes.characters
        ? null
        : { items: take(), envelope: null, found: true };
    },
    take,
  };
}

/**
 * Reads a listing's body: the array at `items`, or the body itself where `items` is null. A short body is one part; a
 * long one is split as it arrives, in flat memory, and its last part has the envelope. Throws BodyProblem when the body
 * is no JSON, ends early or goes on after its end; then no part with an envelope was yielded.
 */
export async function* listParts(
  chunks: AsyncIterable<Buffer>,
  items: string | null,
  sizes = SIZES,
): AsyncGenerator<ListPart, void> {
  const splitter = arraySplitter(items, sizes.group);
  const parts = gatherer(sizes);
  let held: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    held.push(chunk);
    if (size <= sizes.buffered) continue;
    const ready = held.flatMap((piece) => splitter.push(piece));
    held = [];
    for (const text of ready) {
      const part = parts.add(text);
      if (part !== null) yield part;
    }
  }
  if (size <= sizes.buffered) {
    yield partOf(parseBody(Buffer.concat(held).toString()), items);
    return;
  }
  const { group, envelope, found } = splitter.end();
  const rest = parseBody(envelope);
  yield found ? { ...partOf(rest, items), items: [...parts.take(), ...elements(group)] } : partOf(rest, items);
}
