import type { OpenScan } from '../contract/journal.ts';
import type { Chunk } from '../contract/source.ts';
import { RollcallError } from '../errors.ts';

/** Pages in a row without a user whom the scan had not met. */
const BARREN_PAGES = 10;

/**
 * Records in a row, of answers that are read in pieces, without a user whom the scan had not met: so many, and a few
 * times as many as it has met, for after a crash and where a count does not fit such an answer is read again.
 */
const BARREN_RECORDS = { least: 2_000, times: 5 };

/** Pages of one scan; at a few hundred users a page far more than any directory has. */
const MOST_PAGES = 50_000;

/** Tells an endless listing from a long one. */
export interface Guard {
  /** Before a page is recorded. `first` is its first record's key where it begins an answer. Throws `bad-data`. */
  before(chunk: Chunk, first: string | null): void;
  /** After a page is recorded, with the users it had met for the first time, and all that the scan has met. */
  after(chunk: Chunk, met: number, seen: number): void;
}

function endless(connection: string, what: string): RollcallError {
  return new RollcallError(
    'bad-data',
    `${connection}: the listing does not end: ${what}. Nothing was deleted; the next run starts it anew. If it happens again, report it to the system's vendor`,
    { connection, step: 'list users' },
  );
}

/** Watches one open scan; `scan` is read anew at each page. */
export function makeGuard(connection: string, scan: () => OpenScan): Guard {
  let barren = 0;
  let metInAnswer = 0;
  let again = 0;
  return {
    before(chunk, first) {
      const { cursors, firsts, pages } = scan();
      if (chunk.resume !== null && cursors.has(chunk.resume))
        throw endless(connection, 'the API gave the same cursor again');
      if (first !== null && firsts.has(first))
        throw endless(connection, 'a page began with the same user as an earlier page');
      if (pages >= MOST_PAGES) throw endless(connection, `it has more than ${MOST_PAGES} pages`);
    },
    after(chunk, met, seen) {
      metInAnswer += met;
      again = met > 0 ? 0 : again + Math.max(1, chunk.records.length);
      // An answer that is read again in pieces after a crash has no new user for many pieces.
      if (chunk.resume === null) {
        if (again > BARREN_RECORDS.least && again > BARREN_RECORDS.times * seen)
          throw endless(connection, `${again} records in a row were of no new user`);
        return;
      }
      barren = metInAnswer > 0 || chunk.unlessSeen === true ? 0 : barren + 1;
      metInAnswer = 0;
      if (barren >= BARREN_PAGES) throw endless(connection, `${BARREN_PAGES} pages in a row had no new user`);
    },
  };
}
