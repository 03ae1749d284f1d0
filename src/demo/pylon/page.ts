import { randomUUID } from 'node:crypto';
import { type Listing, type Place, writeCursor } from './cursor.ts';
import type { PageFault } from './faults.ts';

/** One listing answer on its way out: each record is JSON text. Null parts are left out of the envelope. */
export interface Page {
  readonly records: readonly string[] | null;
  readonly pagination: { readonly cursor: string; readonly has_next_page: boolean } | null;
}

/** The end of a listing, and the pagination of listings that have one page only. */
export const LAST = { cursor: '', has_next_page: false };

/** What a fault needs to know of the page that it spoils. */
export interface PageOrigin {
  readonly listing: Listing | null;
  /** Where the page that was asked for begins. */
  readonly asked: Place;
  /** The cursor as it was sent; null on a first page. */
  readonly askedText: string | null;
  /** The listing's very first record, as text; null in an empty one. */
  readonly first: string | null;
}

/** The envelope as text. */
export function pageText(page: Page, requestId: string): string {
  const parts = [
    ...(page.records === null ? [] : [`"data":[${page.records.join(',')}]`]),
    ...(page.pagination === null ? [] : [`"pagination":${JSON.stringify(page.pagination)}`]),
    `"request_id":${JSON.stringify(requestId)}`,
  ];
  return `{${parts.join(',')}}`;
}

/** Spoils a page. */
export function spoil(page: Page, fault: PageFault, origin: PageOrigin): Page {
  const records = page.records ?? [];
  switch (fault.kind) {
    case 'without_data':
      return { records: null, pagination: { cursor: page.pagination?.cursor ?? '', has_next_page: true } };
    case 'without_pagination':
      return { records, pagination: null };
    case 'repeat_cursor':
      return {
        records,
        pagination: { cursor: origin.askedText ?? page.pagination?.cursor ?? '', has_next_page: true },
      };
    case 'duplicate':
      return { ...page, records: origin.first === null ? records : [...records, origin.first] };
    case 'record':
      return { ...page, records: records.toSpliced(fault.at ?? records.length, 0, fault.json) };
    case 'endless':
      return neverEnd(page, fault.users, origin);
  }
}

/** After the true listing its last page comes again and again, under a new cursor each time. */
function neverEnd(page: Page, users: 'same' | 'new', { listing, asked }: PageOrigin): Page {
  if (listing === null || page.pagination?.has_next_page !== false) return page;
  const cursor = writeCursor(listing, { after: asked.after, turn: asked.turn + 1 });
  const renew = users === 'new' && asked.turn > 0;
  const records = (page.records ?? []).map((record) =>
    renew ? JSON.stringify({ ...JSON.parse(record), id: randomUUID() }) : record,
  );
  return { records, pagination: { cursor, has_next_page: true } };
}
