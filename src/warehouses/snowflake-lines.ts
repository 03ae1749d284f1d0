import { createReadStream } from 'node:fs';
import type { SealedFile } from '../contract/warehouse.ts';

/** Snowflake takes 16 MiB as one value; a whole line is one on its way. */
const MOST_BYTES = 16_000_000;

/** Characters that are kept of the record of a line that is too long, and of any other text in it. */
const KEPT = { record: 2_000_000, other: 100_000 } as const;

/** The start of a text: never half of a pair of surrogates. */
const start = (text: string, most: number): string => text.slice(0, most).toWellFormed();

/**
 * A line that Snowflake would refuse, and the whole batch with it, made to fit. What is left of its record is no JSON
 * any more, so that a user's row is quarantined as one whose value does not convert; what was rejected before is kept
 * with the beginning of its record.
 */
function fitted(line: string): string {
  const columns = Object.entries<string | null>(JSON.parse(line)).map(([name, text]) => {
    if (text === null || name === 'user_id') return [name, text];
    if (name !== 'raw') return [name, start(text, KEPT.other)];
    return [name, start(text, Math.min(KEPT.record, text.length - 1))];
  });
  return JSON.stringify(Object.fromEntries(columns));
}

/** The lines of a file. Only a newline ends one: other separators may stand in a text. */
async function* linesOf(path: string): AsyncIterable<string> {
  let held: Buffer[] = [];
  for await (const chunk of createReadStream(path)) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      yield Buffer.concat([...held, chunk.subarray(from, end)]).toString('utf8');
      held = [];
      from = end + 1;
    }
    held.push(chunk.subarray(from));
  }
}

async function* fittedLines(path: string): AsyncIterable<string> {
  for await (const line of linesOf(path)) yield `${Buffer.byteLength(line) > MOST_BYTES ? fitted(line) : line}\n`;
}

/** What is sent of a batch's file: the file itself, unless it has a line that is too long. */
export function sendable({ path, longest }: SealedFile): AsyncIterable<string | Buffer> {
  return longest > MOST_BYTES ? fittedLines(path) : createReadStream(path);
}
