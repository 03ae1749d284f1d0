import type { Journal, OpenScan } from '../contract/journal.ts';
import { isObject } from '../contract/json.ts';
import type { Counts } from '../contract/run.ts';
import type { Chunk, Reader } from '../contract/source.ts';
import { BadRecord, RollcallError } from '../errors.ts';
import { idOf } from '../sources/record.ts';
import { type DiffRules, diffPage } from './diff.ts';
import { type Guard, makeGuard } from './guard.ts';
import type { Deps } from './settings.ts';

/** A refused cursor begins the scan anew so many times, then it is an error. */
const RESTARTS = 3;

/** What a scan works with. */
export interface ScanWork {
  readonly deps: Deps;
  readonly journal: Journal;
  readonly reader: Reader;
  readonly rules: DiffRules;
  readonly counts: Counts;
  /** Records of this run that could not be loaded and whose user the scan had not met before. */
  badSeen: number;
  /** Called when the open batch is full. */
  flush(): Promise<void>;
}

const openScan = (journal: Journal): OpenScan => {
  const scan = journal.scan();
  if (scan === null) throw new Error('the scan ended while it was being read');
  return scan;
};

/** Key of a page's first record, for the endless-listing guard. */
function firstKey(work: ScanWork, chunk: Chunk): string | null {
  const first = chunk.records[0];
  if (!isObject(first)) return null;
  try {
    return `${chunk.unlessSeen === true ? 'again' : 'plain'} ${idOf(first, work.deps.settings.source.id)}`;
  } catch (error) {
    if (error instanceof BadRecord) return null;
    throw error;
  }
}

/** Too many bad records mean that the API changed or is ill, not that its users did. */
function tooBad(work: ScanWork, what: string, setting: string): RollcallError {
  const { name } = work.deps.settings;
  return new RollcallError(
    'bad-data',
    `${name}: ${what} could not be loaded; the run stops before the rest is believed. See why with \`rollcall rejected list ${name}\`; quarantine.${setting} allows more`,
    { connection: name, step: 'list users' },
  );
}

function checkPage(work: ScanWork, bad: number, records: number): void {
  if (records < 20 || bad <= work.deps.settings.quarantine.page_ratio * records) return;
  throw tooBad(work, `${bad} of the ${records} records of a page`, 'page_ratio');
}

function checkScan(work: ScanWork): void {
  const seen = work.journal.seenCount();
  const { bad } = openScan(work.journal);
  if (seen <= 1000 || bad <= work.deps.settings.quarantine.scan_ratio * seen) return;
  throw tooBad(work, `${bad} of ${seen} records of the scan`, 'scan_ratio');
}

async function recordChunk(work: ScanWork, chunk: Chunk, begins: boolean, guard: Guard): Promise<void> {
  const { journal, rules, counts } = work;
  const first = begins ? firstKey(work, chunk) : null;
  guard.before(chunk, first);
  const before = journal.seenCount();
  const diff = await diffPage(journal, rules, {
    records: chunk.records,
    page: openScan(journal).pages + 1,
    active: chunk.active,
    unlessSeen: chunk.unlessSeen ?? false,
    thin: chunk.thin ?? false,
    lookup: false,
  });
  // With the last page the ledger indexes its users in a thread of its own: nothing else may write to it meanwhile.
  if (chunk.last) await rules.settle();
  await journal.step({ ...diff, place: { cursor: chunk.resume, first, last: chunk.last, bad: diff.bad } });
  counts.rejected += diff.bad;
  work.badSeen += diff.badSeen;
  counts.seen = journal.seenCount();
  counts.pages += 1;
  work.deps.observer.page(counts);
  guard.after(chunk, journal.seenCount() - before, journal.seenCount());
  checkPage(work, diff.bad, chunk.records.length);
}

/** Reads from the recorded place to the end; the next page is asked for while one is diffed. */
async function readOn(work: ScanWork): Promise<void> {
  const { journal, reader, deps } = work;
  const guard = makeGuard(deps.settings.name, () => openScan(journal));
  const chunks = reader.list(openScan(journal).cursor)[Symbol.asyncIterator]();
  let next = chunks.next();
  let begins = true;
  for (;;) {
    const { value: chunk, done } = await next;
    if (done === true) throw new Error('the source ended its listing without a last chunk');
    if (!chunk.last) {
      next = chunks.next();
      // Its failure is met when it is awaited; until then it must not count as unhandled.
      next.catch(() => undefined);
    }
    await recordChunk(work, chunk, begins, guard);
    if (chunk.last) return;
    begins = chunk.resume !== null;
    await work.flush();
    deps.signal.throwIfAborted();
  }
}

/** Reads the open scan to its end, beginning anew where the server no longer takes its cursor. */
export async function readListing(work: ScanWork): Promise<void> {
  const { journal, deps } = work;
  while (!openScan(journal).complete) {
    try {
      await readOn(work);
      checkScan(work);
    } catch (error) {
      if (!(error instanceof RollcallError)) throw error;
      if (error.cursorRefused && openScan(journal).restarts < RESTARTS) {
        journal.restartScan();
        deps.observer.note('scan restarted', {
          connection: deps.settings.name,
          reason: 'the API no longer accepts the cursor',
        });
        continue;
      }
      throw error;
    }
  }
}
