import type { Known } from '../contract/journal.ts';
import type { JsonObject } from '../contract/json.ts';
import type { Chosen, Verdict } from '../contract/source.ts';
import { RollcallError } from '../errors.ts';
import { inquire, isNoWord, isThere } from './absences.ts';
import { applyBatch } from './apply.ts';
import { columnRules } from './columns.ts';
import type { DiffRules } from './diff.ts';
import { applying, diffRules } from './follow.ts';
import type { Following } from './following.ts';
import { idOrNone, recordFound } from './found.ts';
import { stageRefs } from './refs.ts';
import { recordVerdicts } from './verdicts.ts';

/** Records of one turn: as many as a page has. */
const TURN = 500;

async function recordTurn(f: Following, rules: DiffRules, found: readonly JsonObject[]): Promise<void> {
  await recordFound(f, rules, found);
  f.counts.pages += 1;
  f.counts.seen += new Set(found.map((user) => idOrNone(user, rules.source.id))).size;
  f.deps.observer.page(f.counts);
}

async function recordAll(
  f: Following,
  rules: DiffRules,
  found: AsyncIterable<JsonObject> | Iterable<JsonObject>,
): Promise<void> {
  let turn: JsonObject[] = [];
  for await (const user of found) {
    turn.push(user);
    if (turn.length < TURN) continue;
    await recordTurn(f, rules, turn);
    turn = [];
  }
  if (turn.length > 0) await recordTurn(f, rules, turn);
}

/** Users asked for until one is found: some may have left since the last scan. */
const CANDIDATES = 10;

/** A user with a row, other than these, whom the source finds: the control of their lookups. */
async function someoneElse(f: Following, ids: readonly string[]): Promise<string | null> {
  const not = new Set(ids);
  let last: string | null = null;
  let tried = 0;
  for (const { user_id } of f.journal.live()) {
    if (not.has(user_id)) continue;
    last = user_id;
    tried += 1;
    if (tried === CANDIDATES || (await isThere(f.reader, user_id))) break;
  }
  return last;
}

async function byId(
  f: Following,
  rules: DiffRules,
  ids: readonly string[],
  deleted?: (id: string) => boolean,
): Promise<void> {
  const { deps, reader, journal, warnings } = f;
  const { name, deletes } = deps.settings;
  if (ids.length === 0) return;
  const said = await inquire({
    connection: name,
    reader,
    signal: deps.signal,
    ids,
    control: await someoneElse(f, ids),
    ...(deleted === undefined
      ? {}
      : { deleted, blind: deps.settings.source.blindLookups === true && journal.facts().finds !== 1 }),
  });
  await recordAll(
    f,
    rules,
    [...said.values()].flatMap(({ record }) => (record === undefined ? [] : [record])),
  );
  const gone = [...said].filter(([, verdict]) => verdict.absence === 'gone').map(([id]) => id);
  const known = (await journal.meet(gone)).map((user, i) => ({ id: gone[i] ?? '', user }));
  const verdicts = new Map<Known, Verdict>();
  for (const { id, user } of known) {
    if (user !== null && user.loaded.standing !== 'gone' && user.loaded.standing !== 'rejected')
      verdicts.set(user, { absence: 'gone' });
    else warnings.push(`no user ${id}: the source does not know him, and no live row is his`);
  }
  for (const [id, { absence, record }] of said)
    if (absence === 'unknown' && record === undefined)
      warnings.push(
        `user ${id}: the source gave no word that could be believed; his row, if he has one, stays as it is`,
      );
  if (verdicts.size === 0) return;
  if (deletes.mode === 'ignore')
    warnings.push(`${verdicts.size} users are gone; deletes.mode is ignore, so that their rows stay`);
  else await recordVerdicts(journal, rules, verdicts, deletes.mode);
}

/** Whom the source did not let us look up, with the first reason. */
interface Unseen {
  count: number;
  reason: RollcallError | null;
}

function leaveUnseen(unseen: Unseen, error: unknown, count: number): void {
  if (!isNoWord(error)) throw error;
  unseen.count += count;
  unseen.reason ??= error;
}

async function* lookedUp(f: Following, ids: readonly string[], left: Set<string>, unseen: Unseen) {
  for (const id of ids) {
    try {
      for await (const user of f.reader.find({ ids: [id] })) {
        left.delete(id);
        yield user;
      }
    } catch (error) {
      leaveUnseen(unseen, error, 1);
      left.delete(id);
    }
  }
}

/** Users who were written to, as the source has them now; their marks go when the warehouse has them. */
async function byMark(f: Following, rules: DiffRules): Promise<void> {
  const log = f.deps.ledger.writes(false);
  if (log === null) return;
  try {
    const marks = log.marks();
    const ids = marks.map((mark) => mark.user_id);
    const left = new Set(ids);
    const unseen: Unseen = { count: 0, reason: null };
    await recordAll(f, rules, lookedUp(f, ids, left, unseen));
    try {
      await byId(f, rules, [...left], log.deleted);
    } catch (error) {
      leaveUnseen(unseen, error, left.size);
    }
    await applyBatch(applying(f));
    // Nor would another try see them: the next scan lists those who are there.
    log.unmark(marks);
    if (unseen.reason !== null) throw unseenError(f, unseen.count, unseen.reason);
  } finally {
    log.close();
  }
}

function unseenError({ deps }: Following, count: number, reason: RollcallError): RollcallError {
  const { name } = deps.settings;
  const words = `${name}: ${count} of the users who were written to cannot be looked up, so that only the next scan shows them: ${reason.message}`;
  return new RollcallError(reason.kind, words, { connection: name, step: 'look up users' });
}

/** Chosen users, by id or through the search API. Never sweeps: whom it was not asked about, it leaves alone. */
export async function resync(f: Following, chosen: Chosen | 'marked'): Promise<void> {
  const refs = await f.reader.refs();
  await stageRefs(f, refs, columnRules(f.deps.settings));
  const rules = diffRules(f, refs, false);
  if (chosen === 'marked') await byMark(f, rules);
  else if ('ids' in chosen) await byId(f, rules, [...new Set(chosen.ids)]);
  else {
    await recordAll(f, rules, f.reader.find(chosen));
    if (f.counts.seen === 0) f.warnings.push('the source has no user with these addresses');
  }
  await applyBatch(applying(f));
  f.counts.unchanged = Math.max(
    0,
    f.counts.seen - f.counts.inserted - f.counts.updated - f.counts.restored - f.counts.rejected,
  );
}
