import type { Rejected } from '../contract/journal.ts';
import type { Json } from '../contract/json.ts';
import type { Row } from '../contract/warehouse.ts';
import { parseJson } from '../http/json.ts';
import { readLastChanges, readRejected } from '../sql/quarantine.ts';
import { applyBatch } from './apply.ts';
import { columnRules } from './columns.ts';
import { diffPage } from './diff.ts';
import { applying, diffRules } from './follow.ts';
import type { Following } from './following.ts';
import { replayedLine } from './lines.ts';
import { stageRefs } from './refs.ts';

/** Most quarantined records of one replay. */
const MOST = 100_000;

/** Users asked for in one statement. */
const ASKED = 500;

/** A quarantined record as a replay needs it. */
type Waiting = Pick<Rejected, 'payload_hash' | 'page' | 'user_id' | 'payload' | 'rejected_at'>;

function waitingOf(row: Row): Waiting {
  const { payload_hash, page, user_id, payload, rejected_at } = row;
  return {
    payload_hash: String(payload_hash),
    page: Number(page ?? 0),
    user_id: user_id === null || user_id === undefined ? null : String(user_id),
    payload: String(payload),
    rejected_at: String(rejected_at),
  };
}

/** What the warehouse has in quarantine, newest first, and when the users of those records last changed. */
async function quarantined({ deps }: Following): Promise<{ waiting: Waiting[]; changed: Map<string, string> }> {
  const { name } = deps.settings;
  const { dialect } = deps.warehouse;
  const changed = new Map<string, string>();
  const session = await deps.open('read');
  if (session === null) return { waiting: [], changed };
  try {
    const waiting: Waiting[] = [];
    for await (const row of session.read(readRejected(dialect, name, MOST, true))) waiting.push(waitingOf(row));
    const ids = [...new Set(waiting.flatMap(({ user_id }) => (user_id === null ? [] : [user_id])))];
    for (let at = 0; at < ids.length; at += ASKED) {
      for await (const row of session.read(readLastChanges(dialect, name, ids.slice(at, at + ASKED))))
        changed.set(String(row.user_id), String(row.recorded_at));
    }
    return { waiting, changed };
  } finally {
    await session.close();
  }
}

/**
 * Those that may be loaded, oldest first. Of a user only the newest record counts, and only while nothing newer was
 * seen: a row that is right, or a change or removal logged since.
 */
async function current(f: Following): Promise<{ tried: Waiting[]; outdated: number }> {
  const { waiting, changed } = await quarantined(f);
  const named = waiting.filter((record) => record.user_id !== null);
  const known = await f.journal.meet(named.map((record) => record.user_id ?? ''));
  const met = new Set<string>();
  const newest = named.filter(({ user_id, rejected_at }, i) => {
    const id = user_id ?? '';
    if (met.has(id)) return false;
    met.add(id);
    const standing = known[i]?.standing ?? 'rejected';
    return (standing === 'rejected' || standing === 'stale') && (changed.get(id) ?? '') < rejected_at;
  });
  const tried = [...waiting.filter((record) => record.user_id === null), ...newest].toReversed();
  return { tried, outdated: waiting.length - tried.length };
}

/** The record; undefined where its beginning alone was kept, as it was too large for the warehouse. */
function recordOf(payload: string): Json | undefined {
  try {
    return parseJson(payload);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Tries quarantined records again, with today's mapping. Never overwrites a user seen since. */
export async function replay(f: Following): Promise<void> {
  const { journal, reader, counts, warnings } = f;
  const refs = await reader.refs();
  await stageRefs(f, refs, columnRules(f.deps.settings));
  // What waits is in quarantine only when it is applied.
  await applyBatch(applying(f));
  const { tried, outdated } = await current(f);
  // The payloads are as the rules of their day left them.
  const rules = { ...diffRules(f, refs, true), rules: columnRules(f.deps.settings, true) };
  const active = rules.source.impliesActive ? true : null;
  const loaded: string[] = [];
  let cut = 0;
  for (const { payload, page, payload_hash } of tried) {
    const record = recordOf(payload);
    if (record === undefined) {
      cut += 1;
      continue;
    }
    const diff = await diffPage(journal, rules, { records: [record], page, active, unlessSeen: false, lookup: false });
    const lines = diff.bad === 0 ? [...diff.lines, replayedLine(payload_hash)] : diff.lines;
    await journal.step({ ...diff, lines, place: null });
    counts.rejected += diff.bad;
    if (diff.bad === 0) loaded.push(payload_hash);
  }
  counts.seen = tried.length;
  counts.rejected += cut;
  await applyBatch(applying(f));
  journal.markReplayed(loaded, journal.now());
  if (cut > 0)
    warnings.push(
      `${cut} quarantined record${cut === 1 ? ' is' : 's are'} too large to have been kept whole; leave out what makes them large (columns.exclude) and sync`,
    );
  if (outdated > 0)
    warnings.push(`${outdated} quarantined records are older than what is known of their users and were left alone`);
}
