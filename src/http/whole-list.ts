import type { Io, Request } from '../contract/io.ts';
import type { Json } from '../contract/json.ts';
import { badListing } from './pages.ts';

/** A piece of a listing that is one answer, however long. */
export interface Piece {
  readonly items: readonly Json[];
  /** The answer ends with this piece. */
  readonly last: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

/** Items of one piece: as many as a page has elsewhere. */
const ITEMS = 1_000;

/** Reads an answer that is one bare array, in pieces, within flat memory. The last piece may be empty. */
export async function* wholeList(io: Io, request: Request): AsyncGenerator<Piece, void> {
  for await (const { items, envelope, found, headers } of io.read(request, null)) {
    if (envelope !== null && !found) throw badListing(io, request, 'answered with something else than a list');
    const pieces = Math.max(1, Math.ceil(items.length / ITEMS));
    for (let n = 0; n < pieces; n += 1) {
      const last = envelope !== null && n === pieces - 1;
      yield { items: items.slice(n * ITEMS, (n + 1) * ITEMS), last, headers };
    }
  }
}
