import { parseJson } from './json.ts';
import { BodyProblem } from './trouble.ts';

/** Most that is held of one element, or of everything around the array. */
const HELD_BYTES = 64 * 1024 * 1024;

/** More than any key of ours, so that a longer one is known to be another. */
const LONGEST_KEY = 512;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_SQUARE = 0x5b;
/** `[` and `{` become one when this bit is set, and so do `]` and `}`. */
const FOLD = 0x20;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Bytes that belong together, gathered over network pieces. Its memory is used again, so that none is left to collect. */
function holder(what: string) {
  let held = Buffer.alloc(0);
  let size = 0;
  return {
    size: () => size,
    add(piece: Buffer): void {
      const needed = size + piece.length;
      if (needed > HELD_BYTES)
        throw new BodyProblem('too large', `holds ${what} larger than ${HELD_BYTES} bytes`, true);
      if (needed > held.length) {
        const grown = Buffer.alloc(needed * 2);
        held.copy(grown, 0, 0, size);
        held = grown;
      }
      piece.copy(held, size);
      size = needed;
    },
    take(): string {
      const text = held.toString('utf8', 0, size);
      size = 0;
      return text;
    },
  };
}

/** Finds the array: at a key of the root object, or the root itself. Fed byte by byte; true when the array begins. */
function arrayFinder(items: string | null): (byte: number) => boolean {
  let depth = 0;
  let quoted = false;
  let escaped = false;
  let armed = items === null;
  let found = false;
  let text: number[] = [];
  const inString = (byte: number): void => {
    if (escaped) escaped = false;
    else if (byte === BACKSLASH) escaped = true;
    else quoted = byte !== QUOTE;
    if (quoted && text.length < LONGEST_KEY) text.push(byte);
  };
  const opens = (byte: number): boolean => {
    const hit = armed && byte === OPEN_SQUARE;
    if (hit && found) throw new BodyProblem('not JSON', `holds its list "${items ?? ''}" twice`, true);
    found ||= hit;
    armed = false;
    depth++;
    return hit;
  };
  return (byte) => {
    if (quoted) inString(byte);
    else if ((byte | FOLD) === OPEN) return opens(byte);
    else if ((byte | FOLD) === CLOSE) depth--;
    else if (byte === QUOTE) {
      quoted = true;
      text = [];
    } else if (byte === COLON && depth === 1) {
      // The text before a colon is a key, and what comes next is its value.
      armed = items !== null && keyText(text) === items;
    }
    return false;
  };
}

/** A key as JSON writes it may hold escapes. One that does not parse is left to the envelope's own parsing. */
function keyText(bytes: readonly number[]): string {
  const raw = Buffer.from(bytes).toString();
  if (!raw.includes('\\')) return raw;
  try {
    return String(parseJson(`"${raw}"`));
  } catch {
    return raw;
  }
}

/** Counts through the array's elements; cuts between two of them. Null while the array goes on, else where it ends. */
function elementScanner(cut: (end: number) => void, full: (end: number) => boolean) {
  let depth = 0;
  let quoted = false;
  let skip = 0;
  return (chunk: Buffer, from: number): number | null => {
    const end = chunk.length;
    let i = from + skip;
    skip = 0;
    for (; i < end; i++) {
      const byte = chunk[i] ?? 0;
      if (quoted) {
        if (byte === QUOTE) quoted = false;
        else if (byte === BACKSLASH) i++;
      } else if (byte === QUOTE) quoted = true;
      else if ((byte | FOLD) === OPEN) depth++;
      else if ((byte | FOLD) === CLOSE) {
        if (depth === 0) return i;
        depth--;
      } else if (byte === COMMA && depth === 0 && full(i)) cut(i);
    }
    skip = i - end;
    return null;
  };
}

/** What is left when the body has ended. `found`: the array was there. */
export interface Remains {
  /** Elements not handed out yet, as the text between the array's brackets. */
  readonly group: string;
  /** Everything else: the answer with an empty array in the array's place. */
  readonly envelope: string;
  readonly found: boolean;
}

/**
 * Splits a JSON body, fed piece by piece, at the elements of one array, without parsing it: `push` returns the texts of
 * the groups of elements that are complete, `end` the rest. All validation is left to parsing these texts, which
 * together are the whole body. A group is cut off as soon as it has `groupBytes` bytes.
 */
export function arraySplitter(items: string | null, groupBytes: number) {
  const envelope = holder('beside its list something');
  const group = holder('one element that is');
  const begins = arrayFinder(items);
  let chunk: Buffer = Buffer.alloc(0);
  let start = 0;
  let cuts = 0;
  let done: string[] = [];
  let place: 'around' | 'in the array' = 'around';
  let found = false;

  const full = (end: number): boolean => group.size() + end - start >= groupBytes;
  const cut = (end: number): void => {
    group.add(chunk.subarray(start, end));
    done.push(group.take());
    start = end + 1;
    cuts++;
  };
  const scan = elementScanner(cut, full);

  const around = (): void => {
    for (let i = start; i < chunk.length; i++) {
      if (!begins(chunk[i] ?? 0)) continue;
      envelope.add(chunk.subarray(start, i + 1));
      start = i + 1;
      place = 'in the array';
      found = true;
      return;
    }
    envelope.add(chunk.subarray(start));
    start = chunk.length;
  };
  const inside = (): void => {
    const end = scan(chunk, start);
    group.add(chunk.subarray(start, end ?? chunk.length));
    start = end ?? chunk.length;
    if (end !== null) place = 'around';
  };

  return {
    push(piece: Buffer): readonly string[] {
      chunk = piece;
      start = 0;
      done = [];
      while (start < chunk.length) {
        if (place === 'around') around();
        else inside();
      }
      return done;
    },
    end(): Remains {
      if (place === 'in the array') throw new BodyProblem('cut short', 'ends in the middle of its list');
      const rest = group.take();
      if (cuts > 0 && rest.trim() === '') throw new BodyProblem('not JSON', 'is not JSON: a comma ends its list');
      return { group: rest, envelope: envelope.take(), found };
    },
  };
}
