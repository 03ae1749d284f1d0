import type { Io, Part, Request } from '../contract/io.ts';
import type { Json, JsonObject } from '../contract/json.ts';
import { RollcallError } from '../errors.ts';
import { STAYS } from './failure.ts';
import { askAgain, ownerOf } from './patience.ts';

/** How a listing with cursors is paged, as data. */
export interface PagePlan {
  /** The request for the page at a cursor; null: the first page. */
  request(cursor: string | null): Request;
  /** Key of the answer's array. */
  readonly items: string;
  /** Pages after which it is taken for endless; for listings that the engine does not guard. */
  readonly most?: number;
  /** Whether more follows, and where, as the answer says it; `more` null: it does not say, and so is no page. */
  more(
    envelope: JsonObject,
    headers: Readonly<Record<string, string>>,
  ): { readonly more: boolean | null; readonly cursor: string | null };
}

/** A piece of a page. `next` and `last` are said with the piece that ends the answer. */
export interface Page {
  readonly items: readonly Json[];
  /** The cursor that follows; null until the answer has ended, and at the end of the listing. */
  readonly next: string | null;
  /** Nothing follows: the listing is complete. */
  readonly last: boolean;
  /** This piece begins an answer. */
  readonly first: boolean;
}

/** Times that a page which came without its array is asked for again. */
const ASKED_AGAIN = 5;

/** Statuses by which a server says that it does not know a cursor, or no longer. */
const REFUSES_CURSOR: ReadonlySet<number> = new Set([400, 404, 410]);

/** The error of an answer that is no part of a listing. */
export function badListing(io: Io, request: Request, words: string): RollcallError {
  const connection = ownerOf(io);
  const subject = connection === '' ? '' : `connection ${connection}: `;
  const message = `${subject}${request.endpoint} ${words}. The listing is not taken for complete, and nothing was deleted. ${STAYS}.`;
  return new RollcallError('bad-data', message, {
    step: request.endpoint,
    ...(connection === '' ? {} : { connection }),
  });
}

function refusal(error: unknown, cursor: string | null): unknown {
  if (cursor === null || !(error instanceof RollcallError) || error.kind !== 'bad-data') return error;
  if (error.status === undefined || !REFUSES_CURSOR.has(error.status)) return error;
  return new RollcallError(error.kind, error.message, {
    step: error.step,
    status: error.status,
    ...(error.connection === undefined ? {} : { connection: error.connection }),
    cursorRefused: true,
    cause: error.cause ?? error,
  });
}

/** How an answer ends: what follows it, or null when it came without its array although more is said to follow. */
function ending(io: Io, plan: PagePlan, request: Request, part: Part): Pick<Page, 'next' | 'last'> | null {
  const said = part.envelope?.errors;
  if (part.found && Array.isArray(said) && said.length > 0)
    throw badListing(io, request, 'answered with "errors" beside its list');
  const { more, cursor } = plan.more(part.envelope ?? {}, part.headers);
  if (!part.found && more === true) return null;
  if (!part.found) {
    const errors = part.envelope !== null && Object.hasOwn(part.envelope, 'errors') ? ', but with "errors"' : '';
    throw badListing(io, request, `answered without its list "${plan.items}"${errors}`);
  }
  if (more === null) throw badListing(io, request, 'does not say whether a page follows');
  if (more && (cursor === null || cursor === '')) {
    throw badListing(io, request, 'says that more users follow, but not where (no cursor)');
  }
  return { next: more ? cursor : null, last: !more };
}

/** One page's answer, piece by piece. Returns the cursor that follows, or `again` when the array was missing. */
async function* onePage(
  io: Io,
  plan: PagePlan,
  cursor: string | null,
): AsyncGenerator<Page, Pick<Page, 'next' | 'last'> | 'again'> {
  const request = plan.request(cursor);
  let first = true;
  try {
    for await (const part of io.read(request, plan.items)) {
      if (part.envelope === null) yield { items: part.items, next: null, last: false, first };
      else {
        const end = ending(io, plan, request, part);
        if (end === null) return 'again';
        yield { items: part.items, ...end, first };
        return end;
      }
      first = false;
    }
  } catch (error) {
    throw refusal(error, cursor);
  }
  throw badListing(io, request, 'answered without an end');
}

/**
 * Reads a listing from its start (null) or from a cursor to its end, an answer at a time. An answer without its array is
 * never the end: where more is said to follow it is asked for again, a few times; else it is an error. A cursor that the
 * server refuses gives an error with `cursorRefused`. The guard against endless listings of users is the engine's.
 */
export async function* cursorPages(io: Io, plan: PagePlan, from: string | null): AsyncGenerator<Page, void> {
  let cursor = from;
  let missing = 0;
  const asked = new Set(from === null ? [] : [from]);
  for (;;) {
    const result = yield* onePage(io, plan, cursor);
    if (result !== 'again') {
      if (result.next === null) return;
      if (asked.size >= (plan.most ?? Number.POSITIVE_INFINITY))
        throw badListing(io, plan.request(cursor), `has more than ${plan.most} pages, as if it had no end`);
      if (asked.has(result.next)) throw badListing(io, plan.request(cursor), 'gave the same cursor again');
      asked.add(result.next);
      cursor = result.next;
      missing = 0;
      continue;
    }
    if (missing === ASKED_AGAIN) {
      const words = `answered ${missing + 1} times that more users follow, but without its list "${plan.items}"`;
      throw badListing(io, plan.request(cursor), words);
    }
    await askAgain(io, missing, 'list missing');
    missing++;
  }
}
