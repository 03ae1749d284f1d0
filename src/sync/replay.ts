import type { Rejected } from '../contract/journal.ts';
import type { Json } from '../contract/json.ts';
import { parseJson } from '../http/json.ts';
import { markReplayed } from '../sql/forget.ts';
import { applyBatch } from './apply.ts';
import { columnRules } from './columns.ts';
import { diffPage } from './diff.ts';
import { applying, diffRules } from './follow.ts';
import type { Following } from './following.ts';
import { stageRefs } from './refs.ts';

/** Most quarantined records of one replay. */
const MOST = 100_000;

/** A user who has a row that is right was seen since: what was quarantined of him is older. */
async function outdated(f: Following, rejected: readonly Rejected[]): Promise<ReadonlySet<Rejected>> {
  const named = rejected.filter((record) => record.user_id !== null);
  const known = await f.journal.meet(named.map((record) => record.user_id ?? ''));
  return new Set(named.filter((_, i) => !['rejected', 'stale', undefined].includes(known[i]?.standing)));
}

async function marked(f: Following, hashes: readonly string[]): Promise<void> {
  if (hashes.length === 0) return;
  const { deps, journal } = f;
  const at = journal.now();
  journal.markReplayed(hashes, at);
  const session = await deps.open('write');
  try {
    await session?.run([markReplayed(deps.warehouse.dialect, deps.settings.name, hashes, at)]);
  } finally {
    await session?.close();
  }
}

/** Tries quarantined records again, with today's mapping. Never overwrites a user seen since. */
export async function replay(f: Following): Promise<void> {
  const { journal, reader, counts, warnings } = f;
  const refs = await reader.refs();
  await stageRefs(journal, refs, columnRules(f.deps.settings));
  const waiting = journal.rejected(MOST).filter((record) => record.replayed_at === null);
  const old = await outdated(f, waiting);
  const tried = waiting.filter((record) => !old.has(record)).toReversed();
  // The payloads are as the rules of their day left them.
  const rules = { ...diffRules(f, refs, true), rules: columnRules(f.deps.settings, true) };
  const loaded: string[] = [];
  for (const record of tried) {
    const records: Json[] = [parseJson(record.payload)];
    const active = rules.source.impliesActive ? true : null;
    const diff = await diffPage(journal, rules, { records, page: record.page, active, unlessSeen: false });
    await journal.step({ ...diff, place: null });
    counts.rejected += diff.bad;
    if (diff.bad === 0) loaded.push(record.payload_hash);
  }
  counts.seen = tried.length;
  await applyBatch(applying(f));
  await marked(f, loaded);
  if (old.size > 0)
    warnings.push(`${old.size} quarantined records are older than the rows of their users and were left alone`);
}
