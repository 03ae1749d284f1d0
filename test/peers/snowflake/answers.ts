import { randomUUID } from 'node:crypto';
import type { Failure } from './failure.ts';
import type { Rowset } from './rowset.ts';

/** Rows in the answer itself; more come in chunks of their own. */
const INLINE = 500;
const CHUNK = 1000;

/** A body that the server sends. */
export type Body = Readonly<Record<string, unknown>>;

/** Chunks by their path. */
export type Chunks = Map<string, string>;

const PARAMETERS = [
  { name: 'TIMEZONE', value: 'UTC' },
  { name: 'TIMESTAMP_OUTPUT_FORMAT', value: 'YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM' },
  { name: 'DATE_OUTPUT_FORMAT', value: 'YYYY-MM-DD' },
  { name: 'BINARY_OUTPUT_FORMAT', value: 'HEX' },
];

export const failed = ({ code, message, sqlState }: Failure, queryId: string): Body => ({
  data: { errorCode: code, sqlState, queryId, internalError: false },
  code,
  message,
  success: false,
  headers: null,
});

export const done = (data: object): Body => ({ data, code: null, message: null, success: true });

/** A statement's answer. Of many rows the later ones are chunks at `base`. */
export function answered(rowset: Rowset, facts: object, { base, chunks }: { base: string; chunks: Chunks }): Body {
  const { rows, rowtype } = rowset;
  const later = rows.length > 2 * INLINE ? rows.slice(INLINE) : [];
  const id = randomUUID();
  const parts = Array.from({ length: Math.ceil(later.length / CHUNK) }, (_, i) =>
    later.slice(i * CHUNK, (i + 1) * CHUNK),
  );
  const listed = parts.map((part, i) => {
    const path = `/chunks/${id}/${i}`;
    // The rows without the brackets around them.
    chunks.set(path, JSON.stringify(part).slice(1, -1));
    return { url: `${base}${path}`, rowCount: part.length, uncompressedSize: 1, compressedSize: 1 };
  });
  return done({
    parameters: PARAMETERS,
    rowtype,
    rowset: rows.slice(0, rows.length - later.length),
    total: rows.length,
    returned: rows.length,
    version: 1,
    queryResultFormat: 'json',
    ...(listed.length === 0 ? {} : { chunks: listed, chunkHeaders: { 'x-of-the-peer': id } }),
    ...facts,
  });
}

/** Rows in a format that the driver takes for none. */
export const arrow = ({ rows, rowtype }: Rowset, facts: object): Body =>
  done({
    parameters: PARAMETERS,
    rowtype,
    rowset: [],
    rowsetBase64: 'QVJST1cx',
    total: rows.length,
    returned: rows.length,
    version: 1,
    queryResultFormat: 'arrow',
    ...facts,
  });
