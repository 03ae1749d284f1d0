import { hash } from 'node:crypto';
import type { Io, Request } from '../contract/io.ts';
import { isObject, type Json } from '../contract/json.ts';
import { RollcallError } from '../errors.ts';
import { badListing } from './pages.ts';
import { askAgain } from './patience.ts';

/** How a listing with `limit` and `offset` is paged, as data. */
export interface OffsetPlan {
  /** The request for a page; limit null: leave it to the server. */
  request(offset: number, limit: number | null): Request;
  readonly limit: number;
  /** Rows of a page that are asked for again with the next one. */
  readonly overlap: number;
}

/** A page without the rows that were handed on before. */
export interface OffsetPage {
  readonly items: readonly Json[];
  /** Where to go on; null at the end of the listing. */
  readonly next: string | null;
}

/** Times that one listing steps back because the rows moved under it. */
const STEPS_BACK = 20;

/** Times that a page is asked for again which is empty although more is said to be there. */
const ASKED_AGAIN = 3;

interface Answered {
  readonly rows: readonly Json[];
  /** How many there are in all, where the answer says so. */
  readonly total: number | null;
}

/** A bare array, or `{total, list}`; anything else is no page. */
async function ask(io: Io, request: Request): Promise<Answered> {
  const { body } = await io.send(request);
  if (Array.isArray(body)) return { rows: body, total: null };
  if (isObject(body) && Array.isArray(body.list)) {
    return { rows: body.list, total: typeof body.total === 'number' ? body.total : null };
  }
  throw badListing(io, request, 'answered with neither a list nor {total, list}');
}

/** The page at an offset. An empty one although more is said to follow is asked for again; it is never the end. */
async function pageAt(io: Io, request: Request, offset: number): Promise<Answered> {
  for (let asked = 0; ; asked += 1) {
    const answer = await ask(io, request);
    if (answer.rows.length > 0 || answer.total === null || offset >= answer.total) return answer;
    if (asked === ASKED_AGAIN) {
      throw badListing(io, request, `says that there are ${answer.total}, and gave none from ${offset + 1} on`);
    }
    await askAgain(io, asked, 'page empty');
  }
}

/** The server may refuse a limit that is more than it allows; then its own is used. */
async function firstPage(
  io: Io,
  plan: OffsetPlan,
  offset: number,
): Promise<{ answer: Answered; limit: number | null }> {
  try {
    return { answer: await pageAt(io, plan.request(offset, plan.limit), offset), limit: plan.limit };
  } catch (error) {
    if (offset > 0 || !(error instanceof RollcallError) || error.status !== 400) throw error;
    return { answer: await pageAt(io, plan.request(offset, null), offset), limit: null };
  }
}

const keyOf = (row: Json): string => hash('sha256', JSON.stringify(row), 'base64url').slice(0, 12);

/** Where a listing goes on: the offset, how often it stepped back so far, and the rows that the page should begin with. */
interface Place {
  readonly offset: number;
  readonly back: number;
  readonly tail: readonly string[];
}

const START: Place = { offset: 0, back: 0, tail: [] };

const write = ({ offset, back, tail }: Place): string => [offset, back, ...tail].join('.');

function readPlace(text: string): Place {
  const [offset, back, ...tail] = text.split('.');
  return { offset: Number(offset), back: Number(back), tail };
}

/** Rows that come or go shift the others: a page joins the one before when one of its last rows is there. */
const joins = (tail: readonly string[], keys: readonly string[]): boolean =>
  tail.length === 0 || keys.some((key) => tail.includes(key));

/**
 * Reads a listing by offset to its end. Each page begins with the last rows of the one before; where they are not
 * there, rows were lost sight of, and the listing steps back until pages join again. Without a total the end is a page
 * that brings nothing but those rows, for a short page may come of a limit of the server's.
 */
export async function* offsetPages(io: Io, plan: OffsetPlan, from: string | null): AsyncGenerator<OffsetPage, void> {
  let { offset, back, tail } = from === null ? START : readPlace(from);
  const met = new Set(tail);
  let size = plan.overlap + 1;
  let { answer, limit } = await firstPage(io, plan, offset);
  for (;;) {
    const { rows, total } = answer;
    const keys = rows.map(keyOf);
    size = Math.max(size, rows.length);
    if (!joins(tail, keys) && offset > 0 && back < STEPS_BACK) {
      back += 1;
      offset = Math.max(0, offset - size);
      answer = await pageAt(io, plan.request(offset, limit), offset);
      continue;
    }
    const fresh = rows.filter((_, i) => !met.has(keys[i] ?? ''));
    for (const key of keys) met.add(key);
    tail = keys.length === 0 ? tail : keys.slice(-plan.overlap);
    const end = offset + rows.length;
    // Who gives more than was asked for does not page, and has given all.
    const unpaged = offset === 0 && limit !== null && rows.length > limit;
    const nothingNew = rows.length <= plan.overlap && fresh.length === 0;
    const last = total === null ? unpaged || nothingNew : end >= total;
    offset = end - Math.min(plan.overlap, Math.max(0, rows.length - 1));
    yield { items: fresh, next: last ? null : write({ offset, back, tail }) };
    if (last) return;
    answer = await pageAt(io, plan.request(offset, limit), offset);
  }
}
