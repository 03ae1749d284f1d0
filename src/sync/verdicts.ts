import { type Effects, effect, noEffects, UNKNOWN, type Version } from '../contract/effects.ts';
import type { Journal, Known, Line, Move } from '../contract/journal.ts';
import type { JsonObject } from '../contract/json.ts';
import type { Verdict } from '../contract/source.ts';
import { BadRecord } from '../errors.ts';
import type { DiffRules } from './diff.ts';
import { contentHash } from './fingerprint.ts';
import { goneLine, jsonText, upsertLine } from './lines.ts';

interface Marks {
  readonly lines: Line[];
  readonly moves: Move[];
  readonly effects: Effects;
}

function add(marks: Marks, user: Known, next: Version, line: Line | null): void {
  const before = user.waits === 'open' ? effect(user.loaded, user) : null;
  const does = effect(user.loaded, next);
  if (before !== null) marks.effects[before] -= 1;
  if (does !== null) marks.effects[does] += 1;
  if (line !== null) marks.lines.push(line);
  marks.moves.push({ num: user.num, user_id: user.user_id, fresh: false, next, loaded: user.loaded });
}

/** A removed user is forgotten, so that his return is an insert; a marked one is remembered, so that it is a restore. */
function markGone(marks: Marks, user: Known, mode: 'soft' | 'hard'): void {
  const next: Version = mode === 'hard' ? UNKNOWN : { fingerprint: user.fingerprint, standing: 'gone' };
  add(marks, user, next, goneLine(user.user_id, mode));
}

/** A user who is no longer listed and whose account is off keeps his row, as the lookup has him, with active false. */
function markInactive(marks: Marks, rules: DiffRules, user: Known, found: JsonObject): void {
  const { source, refs, recipe } = rules;
  const record = rules.rules(found);
  const active = source.impliesActive ? false : null;
  try {
    const fingerprint = `${recipe}:${contentHash(source, record, active, source.referred(record, refs))}`;
    // Nothing new, or what the warehouse refused before.
    if (user.standing !== 'live' && user.fingerprint === fingerprint) return;
    const line = upsertLine(source.user(record, refs, active), jsonText(record), fingerprint, 0);
    add(marks, user, { fingerprint, standing: 'inactive' }, user.fingerprint === fingerprint ? null : line);
  } catch (error) {
    // A lookup that cannot be a row says no more than that he is there: his row stays as it is.
    if (!(error instanceof BadRecord)) throw error;
  }
}

/** Records proven absences in the open batch. Others leave their rows as they are. */
export async function recordVerdicts(
  journal: Journal,
  rules: DiffRules,
  verdicts: ReadonlyMap<Known, Verdict>,
  mode: 'soft' | 'hard',
): Promise<void> {
  const marks: Marks = { lines: [], moves: [], effects: noEffects() };
  for (const [user, { absence, record }] of verdicts) {
    if (absence === 'gone') markGone(marks, user, mode);
    else if (absence === 'inactive' && record !== undefined) markInactive(marks, rules, user, record);
  }
  if (marks.moves.length > 0) await journal.step({ ...marks, seen: [], rejected: [], place: null });
}
