import { hash } from 'node:crypto';
import type { Io, Request } from '../contract/io.ts';
import { isObject, isRawNumber, type Json } from '../contract/json.ts';
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
  /** Key of a row that tells it from all others, whatever else of it changes. Default `id`. */
  readonly id?: string;
  /** Keys of a row that change with every answer, such as signed addresses: a row met again with only these changed is no news. */
  readonly volatile?: readonly string[];
}

/** A page without the rows that were handed on before. */
export interface OffsetPage {
  readonly items: readonly Json[];
  /** Where to go on; null at the end of the listing. */
  readonly next: string | null;
}

/** Times that one listing steps back because the rows moved under it. */
const STEPS_BACK = 20;

/** Times that a page is asked for again which is refused, or empty although more is said to be there. */
const ASKED_AGAIN = 3;

/** Pages in a row without a row that was not met before; rows that come in at the front make one or two. */
const BARREN_PAGES = 5;

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

/** Rows, or none where none are said to be. */
const isWhole = ({ rows, total }: Answered, offset: number): boolean =>
  rows.length > 0 || total === null || offset >= total;

const isRefused = (error: unknown): boolean => error instanceof RollcallError && error.status === 400;

/**
 * The page at an offset. One that is refused (400 may be a failure of the server's own), or empty although more is said
 * to follow, is asked for again; neither is ever the end.
 */
async function pageAt(io: Io, request: Request, offset: number): Promise<Answered> {
  for (let asked = 0; ; asked += 1) {
    try {
      const answer = await ask(io, request);
      if (isWhole(answer, offset)) return answer;
      if (asked === ASKED_AGAIN) {
        throw badListing(io, request, `says that there are ${answer.total}, and gave none from ${offset + 1} on`);
      }
    } catch (error) {
      if (!isRefused(error) || asked === ASKED_AGAIN) throw error;
    }
    await askAgain(io, asked, 'no page');
  }
}

/** The server may refuse a limit that is more than it allows; then its own is used. */
async function firstPage(
  io: Io,
  plan: OffsetPlan,
  offset: number,
): Promise<{ answer: Answered; limit: number | null }> {
  try {
    const answer = await ask(io, plan.request(offset, plan.limit));
    if (isWhole(answer, offset)) return { answer, limit: plan.limit };
  } catch (error) {
    if (!isRefused(error)) throw error;
    return { answer: await pageAt(io, plan.request(offset, null), offset), limit: null };
  }
  return { answer: await pageAt(io, plan.request(offset, plan.limit), offset), limit: plan.limit };
}

const digest = (text: string): string => hash('sha256', text, 'base64url').slice(0, 12);

/** A row, what it is known by, and what it says. */
interface Marked {
  readonly row: Json;
  readonly key: string;
  readonly content: string;
}

function marked(row: Json, { id: path = 'id', volatile = [] }: OffsetPlan): Marked {
  const steady = isObject(row) ? Object.entries(row).filter(([key]) => !volatile.includes(key)) : row;
  const content = digest(JSON.stringify(steady));
  const id = isObject(row) ? row[path] : undefined;
  const named = typeof id === 'string' || typeof id === 'number' || isRawNumber(id);
  return { row, content, key: named ? digest(JSON.stringify(id)) : content };
}

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
const joins = (tail: readonly string[], page: readonly Marked[]): boolean =>
  tail.length === 0 || page.some(({ key }) => tail.includes(key));

/** The content of what was met, by key; null where only the key is known. */
type Met = Map<string, string | null>;

const isFresh = (met: Met, { key, content }: Marked): boolean => {
  const known = met.get(key);
  return known === undefined || (known !== null && known !== content);
};

/** A page as it stands in the listing. */
interface Standing {
  readonly total: number | null;
  /** Offset of what follows it. */
  readonly end: number;
  /** As many rows as a page may have. */
  readonly full: boolean;
  /** Rows that were not met before. */
  readonly unmet: number;
  /** No more rows than pages overlap by. */
  readonly few: boolean;
}

/**
 * A total is believed where a page with new rows ends exactly there: one that lies before counts something else, and
 * where nothing is new the server may have ignored the offset. Else the end is a page that brings nothing but rows of
 * the one before, for a short page may come of a limit of the server's.
 */
function isLast({ total, end, full, unmet, few }: Standing): boolean {
  if (unmet === 0) return few && (total === null || end >= total);
  return total === end && !full;
}

/**
 * Reads a listing by offset to its end. Each page begins with the last rows of the one before; where they are not
 * there, rows were lost sight of, and the listing steps back until pages join again.
 */
export async function* offsetPages(io: Io, plan: OffsetPlan, from: string | null): AsyncGenerator<OffsetPage, void> {
  let { offset, back, tail } = from === null ? START : readPlace(from);
  const met: Met = new Map(tail.map((key) => [key, null]));
  let size = plan.overlap + 1;
  let barren = 0;
  let { answer, limit } = await firstPage(io, plan, offset);
  for (;;) {
    const page = answer.rows.map((row) => marked(row, plan));
    size = Math.max(size, page.length);
    if (!joins(tail, page) && offset > 0 && back < STEPS_BACK) {
      back += 1;
      offset = Math.max(0, offset - size);
      answer = await pageAt(io, plan.request(offset, limit), offset);
      continue;
    }
    const fresh = page.filter((one) => isFresh(met, one));
    const unmet = page.filter(({ key }) => !met.has(key)).length;
    for (const { key, content } of page) met.set(key, content);
    tail = page.length === 0 ? tail : page.slice(-plan.overlap).map(({ key }) => key);
    const end = offset + page.length;
    const few = page.length <= plan.overlap;
    // Who gives more than was asked for does not page, and has given all.
    const unpaged = offset === 0 && limit !== null && page.length > limit;
    const last = unpaged || isLast({ total: answer.total, end, full: page.length >= (limit ?? size), unmet, few });
    barren = unmet > 0 || few ? 0 : barren + 1;
    if (!last && barren === BARREN_PAGES) {
      throw badListing(io, plan.request(offset, limit), 'gives the same users again and again, whatever the offset');
    }
    offset = end - Math.min(plan.overlap, Math.max(0, page.length - 1));
    yield { items: fresh.map(({ row }) => row), next: last ? null : write({ offset, back, tail }) };
    if (last) return;
    answer = await pageAt(io, plan.request(offset, limit), offset);
  }
}
