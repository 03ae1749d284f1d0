import { hash } from 'node:crypto';
import {
  contentOf,
  type Effects,
  effect,
  isThin,
  LISTED,
  listedOf,
  noEffects,
  THIN,
  UNKNOWN,
  type Version,
} from '../contract/effects.ts';
import type { Journal, Known, Line, Move, Rejected } from '../contract/journal.ts';
import { isObject, type Json, type JsonObject } from '../contract/json.ts';
import type { Refs, Source } from '../contract/source.ts';
import { BadRecord } from '../errors.ts';
import { idOf } from '../sources/record.ts';
import type { ColumnRules } from './columns.ts';
import { contentHash, steadyText } from './fingerprint.ts';
import { jsonText, rejectLine, upsertLine } from './lines.ts';

/** What stays the same from page to page. */
export interface DiffRules {
  readonly source: Source;
  readonly refs: Refs;
  readonly recipe: string;
  readonly rules: ColumnRules;
  readonly maxRecordBytes: number;
  readonly run_id: string;
  /** Writes every row again whatever its fingerprint. */
  readonly rewrite: boolean;
  /** Waits until the sealed batch, if there is one, is promoted. */
  settle(): Promise<void>;
  /** Looks a listed user up whose row says more than his listing does; null where he is not found or may not be. */
  fuller(id: string): Promise<JsonObject | null>;
}

/** Records of one page, as a listing or a lookup returned them. */
export interface Records {
  readonly records: readonly Json[];
  readonly page: number;
  readonly active: boolean | null;
  readonly unlessSeen: boolean;
  /** From a listing that says less than another one of the source's. */
  readonly thin?: boolean;
  /** Users were asked for: that they are there does not say that they are listed, and more may be said of them. */
  readonly lookup: boolean;
}

/** What a page changes, before its place in the listing is added. */
export interface PageDiff {
  readonly lines: Line[];
  readonly moves: Move[];
  readonly seen: number[];
  readonly rejected: Rejected[];
  readonly effects: Effects;
  /** Records that could not be loaded, known ones included. */
  bad: number;
  /** Those of them whose user was not met by the scan before. */
  badSeen: number;
}

interface Work extends PageDiff {
  readonly journal: Journal;
  readonly rules: DiffRules;
  readonly from: Records;
  /** Newest versions of users whom this page already moved. */
  readonly moved: Map<string, Known>;
}

function reject(w: Work, record: Json, user_id: string | null, reason: string): void {
  const payload = jsonText(record);
  const payload_hash = hash('sha256', steadyText(w.rules.source, record));
  w.bad += 1;
  if (w.journal.hasRejected(payload_hash) || w.rejected.some((known) => known.payload_hash === payload_hash)) return;
  const { run_id } = w.rules;
  const rejected = {
    payload_hash,
    run_id,
    page: w.from.page,
    user_id,
    reason,
    payload,
    rejected_at: w.journal.now(),
    replayed_at: null,
  };
  w.rejected.push(rejected);
  w.lines.push(rejectLine(rejected));
}

/** Records a user's newest version; effects follow from what the warehouse has. */
function move(w: Work, known: Known, fresh: boolean, next: Version): void {
  const before = known.waits === 'open' ? effect(known.loaded, known) : null;
  const again = w.rules.rewrite && (next.standing === 'live' || next.standing === 'inactive');
  const after = effect(known.loaded, next) ?? (again ? 'same' : null);
  if (before !== null) w.effects[before] -= 1;
  if (after !== null) w.effects[after] += 1;
  w.moves.push({ num: known.num, user_id: known.user_id, fresh, next, loaded: known.loaded });
  w.moved.set(known.user_id, { ...known, ...next, waits: 'open' });
}

/** The newest record of a user is quarantined: his row, if he has one, is older than it. */
function outdate(w: Work, known: Known, fresh: boolean): void {
  if (fresh) move(w, known, true, UNKNOWN);
  else if (known.waits === null && (known.standing === 'live' || known.standing === 'inactive')) {
    move(w, known, false, { fingerprint: null, standing: 'stale' });
  }
}

function rowOf(w: Work, record: JsonObject, fingerprint: string): { line: Line } | { reason: string } {
  const raw = jsonText(record);
  const bytes = raw.length * 3 > w.rules.maxRecordBytes ? Buffer.byteLength(raw) : raw.length;
  if (bytes > w.rules.maxRecordBytes) {
    return {
      reason: `the record has ${bytes} bytes, more than quarantine.max_record_bytes (${w.rules.maxRecordBytes}) allows`,
    };
  }
  try {
    const user = w.rules.source.user(record, w.rules.refs, w.from.active);
    return { line: upsertLine(user, raw, fingerprint, w.from.page) };
  } catch (error) {
    if (error instanceof BadRecord) return { reason: error.message };
    throw error;
  }
}

/** The record's content hash; a record that has none is rejected like one that cannot be mapped. */
function hashOf(w: Work, record: JsonObject): { content: string } | { reason: string; kept: JsonObject } {
  const { source, refs } = w.rules;
  try {
    return { content: contentHash(source, record, w.from.active, source.referred(record, refs)) };
  } catch (error) {
    if (error instanceof BadRecord) return { reason: error.message, kept: record };
    // Nested so deeply that it cannot be written as text either: its id alone is kept.
    if (error instanceof RangeError)
      return { reason: 'the record is nested too deeply', kept: { [source.id]: record[source.id] ?? null } };
    throw error;
  }
}

function nobody(w: Work, user_id: string): Known {
  return { num: w.journal.number(), user_id, ...UNKNOWN, loaded: UNKNOWN, waits: null };
}

/** A record with the id of its user. `listed`: hash of the listed record that it was looked up for. */
interface Identified {
  readonly record: JsonObject;
  readonly id: string;
  readonly listed?: string;
}

/** What of a fingerprint is content: of a lookup, beside what the listing said when it was last compared. */
function printOf(w: Work, content: string, known: Known, listed: string | undefined): string {
  const { source, recipe } = w.rules;
  if (source.thinListing !== true) return `${recipe}:${content}`;
  if (!w.from.lookup && listed === undefined) return `${recipe}:${content}${w.from.thin === true ? LISTED + THIN : ''}`;
  const before = listedOf(known.fingerprint) ?? contentOf(known.fingerprint);
  // Found in a listing after all, and as he was listed.
  if (listed === undefined && content === before) return known.fingerprint ?? `${recipe}:${content}`;
  return `${recipe}:${content}${LISTED}${listed ?? before}`;
}

/** One record of a user with an id. */
function take(w: Work, { record, id: user_id, listed }: Identified, met: Known | null): void {
  const earlier = w.moved.get(user_id);
  const known = earlier ?? met ?? nobody(w, user_id);
  const fresh = met === null && earlier === undefined;
  if (w.from.unlessSeen && !fresh && (earlier !== undefined || w.journal.wasSeen(known.num))) return;
  const first = earlier === undefined && !w.journal.wasSeen(known.num);
  w.seen.push(known.num);
  const { rewrite } = w.rules;
  const hashed = hashOf(w, record);
  if ('reason' in hashed) {
    reject(w, hashed.kept, user_id, hashed.reason);
    w.badSeen += first ? 1 : 0;
    outdate(w, known, fresh);
    return;
  }
  const fingerprint = printOf(w, hashed.content, known, listed);
  const standing = w.from.lookup && known.standing === 'inactive' ? 'inactive' : 'live';
  if (known.fingerprint === fingerprint) {
    if (known.standing === standing && !rewrite) return;
    if ((known.standing === 'rejected' || known.standing === 'stale') && !rewrite) {
      w.bad += 1;
      w.badSeen += first ? 1 : 0;
      return;
    }
  }
  const row = rowOf(w, record, fingerprint);
  if ('reason' in row) {
    reject(w, record, user_id, row.reason);
    w.badSeen += first ? 1 : 0;
    outdate(w, known, fresh);
    return;
  }
  const next: Version = { fingerprint, standing };
  // Listed again with the content he was kept with: his row is right as it is.
  const settled = known.fingerprint === fingerprint && known.standing === 'inactive' && !rewrite;
  if (!settled) w.lines.push(row.line);
  move(w, known, fresh, next);
}

/** The record after column rules, with its id; rejected records are dealt with here. */
function identify(w: Work, received: Json): Identified | null {
  if (!isObject(received)) {
    reject(w, w.rules.rules(received), null, 'the record is not an object');
    return null;
  }
  const record = w.rules.rules(received);
  try {
    return { record, id: idOf(record, w.rules.source.id) };
  } catch (error) {
    if (!(error instanceof BadRecord)) throw error;
    reject(w, record, null, error.message);
    return null;
  }
}

/** Whom the ledger knows. A user of the batch that is being applied can be moved only when that is promoted. */
async function meet(journal: Journal, rules: DiffRules, ids: readonly string[]): Promise<readonly (Known | null)[]> {
  const met = await journal.meet(ids);
  if (!met.some((user) => user?.waits === 'sealed')) return met;
  await rules.settle();
  return journal.meet(ids);
}

/** The row of a listed user says more than his listing does. */
function keepsFuller(w: Work, known: Known | null): known is Known {
  if (w.rules.source.thinListing !== true || w.from.lookup || known === null) return false;
  if (known.standing === 'gone' || known.standing === 'rejected') return false;
  if (listedOf(known.fingerprint) !== null) return true;
  return w.from.thin === true && known.fingerprint !== null && !isThin(known.fingerprint);
}

/**
 * A listed record never replaces what a lookup filled. While the listing says what it said, there is nothing to do
 * (null); where that changed, the user is looked up again and both make one record. Null, too, where he is not found.
 */
async function filledUp(w: Work, user: Identified, known: Known): Promise<Identified | null> {
  const hashed = hashOf(w, user.record);
  if ('reason' in hashed) return user;
  if (listedOf(known.fingerprint) === hashed.content && known.standing === 'live' && !w.rules.rewrite) return null;
  const found = await w.rules.fuller(user.id);
  if (found === null) return null;
  return { ...user, record: { ...user.record, ...w.rules.rules(found) }, listed: hashed.content };
}

/** Compares a page with the ledger: whom to write, whom to quarantine, whom nothing needs to be done for. */
export async function diffPage(journal: Journal, rules: DiffRules, from: Records): Promise<PageDiff> {
  const effects = noEffects();
  const w: Work = {
    journal,
    rules,
    from,
    moved: new Map(),
    lines: [],
    moves: [],
    seen: [],
    rejected: [],
    effects,
    bad: 0,
    badSeen: 0,
  };
  const users = from.records.map((received) => identify(w, received)).filter((user) => user !== null);
  const met = await meet(
    journal,
    rules,
    users.map((user) => user.id),
  );
  for (const [i, user] of users.entries()) {
    const known = met[i] ?? null;
    const whole = keepsFuller(w, known) ? await filledUp(w, user, known) : user;
    if (whole === null) w.seen.push(known?.num ?? 0);
    else take(w, whole, known);
  }
  return w;
}
