import { effect, noEffects, type Version } from '../contract/effects.ts';
import type { Known, Line } from '../contract/journal.ts';
import type { JsonObject } from '../contract/json.ts';
import type { Verdict } from '../contract/source.ts';
import { RollcallError } from '../errors.ts';
import { contentHash } from './fingerprint.ts';
import { goneLine, jsonText, upsertLine } from './lines.ts';
import type { ScanWork } from './scan.ts';

/** Fewer missing users than this are looked up whatever share of all they are. */
const FEW = 10;

/** What a sweep found: rows that stay although the scan did not see their users. */
export interface Swept {
  unproven: number;
  readonly warnings: string[];
}

function refused(name: string, message: string): RollcallError {
  return new RollcallError('refused', `${name}: ${message}`, { connection: name, step: 'sweep' });
}

/** Too much missing at once is a listing cut short until somebody says otherwise. */
function checkRatio(work: ScanWork, missing: number, allowed: boolean): void {
  const { name, deletes } = work.deps.settings;
  const { live } = work.journal.facts();
  const counted = live - work.journal.inactive();
  if (allowed || missing === 0) return;
  const share = `${missing} of the ${counted} live users are not in the listing`;
  const how = `nothing was deleted. If they really left, allow it once: rollcall sync ${name} --allow-deletes`;
  if (work.counts.seen === 0) throw refused(name, `the listing is empty: ${share}; ${how}`);
  if (missing > FEW && missing > deletes.max_ratio * counted) {
    throw refused(name, `${share}, more than deletes.max_ratio (${deletes.max_ratio}) allows; ${how}`);
  }
}

/** A listed user must be found by id, before and after: else the server is ill and its "not found" says nothing. */
async function control(work: ScanWork, listed: string): Promise<void> {
  const { absence } = await work.reader.absent(listed);
  if (absence !== 'gone') return;
  throw refused(
    work.deps.settings.name,
    `the API does not find user ${listed}, whom it has just listed, so that its word on the missing ones proves nothing; nothing was deleted. Run again when the API is well`,
  );
}

/** Asks for each missing user; null when this credential may not look users up. */
async function lookUp(work: ScanWork, missing: readonly Known[], listed: string): Promise<Map<Known, Verdict> | null> {
  try {
    const verdicts = new Map<Known, Verdict>();
    await control(work, listed);
    for (const user of missing) {
      work.deps.signal.throwIfAborted();
      verdicts.set(user, await work.reader.absent(user.user_id));
    }
    await control(work, listed);
    return verdicts;
  } catch (error) {
    if (error instanceof RollcallError && (error.kind === 'auth' || error.kind === 'permission')) return null;
    throw error;
  }
}

/** The row of a user whose account is off. */
function inactiveRow({ rules }: ScanWork, found: JsonObject): { line: Line; fingerprint: string } {
  const { source, refs, recipe } = rules;
  const record = rules.rules(found);
  const fingerprint = `${recipe}:${contentHash(source, record, false, source.referred(record, refs))}`;
  return { line: upsertLine(source.user(record, refs, false), jsonText(record), fingerprint, 0), fingerprint };
}

/** Marks the gone, and the ones whose account is off, as one batch. */
async function record(work: ScanWork, verdicts: ReadonlyMap<Known, Verdict>): Promise<void> {
  const { journal, deps } = work;
  const mode = deps.settings.deletes.mode === 'hard' ? 'hard' : 'soft';
  const effects = noEffects();
  const lines = [];
  const moves = [];
  for (const [user, { absence, record: found }] of verdicts) {
    if (absence === 'gone') {
      const next: Version = { fingerprint: user.fingerprint, standing: 'gone' };
      lines.push(goneLine(user.user_id, mode));
      moves.push({ num: user.num, user_id: user.user_id, fresh: false, next, loaded: user.loaded });
      effects.deleted += 1;
    } else if (absence === 'inactive' && found !== undefined) {
      const { line, fingerprint } = inactiveRow(work, found);
      const next: Version = { fingerprint, standing: 'inactive' };
      const does = effect(user.loaded, next);
      if (does !== null) effects[does] += 1;
      lines.push(line);
      moves.push({ num: user.num, user_id: user.user_id, fresh: false, next, loaded: user.loaded });
    }
  }
  if (moves.length > 0) await journal.step({ lines, moves, seen: [], rejected: [], effects, place: null });
}

/** Deals with known users whom a complete scan did not see. `listed` is one whom it saw; null for an empty listing. */
export async function sweep(work: ScanWork, listed: string | null, allowDeletes: boolean): Promise<Swept> {
  const { name, deletes } = work.deps.settings;
  const missing = [...work.journal.missing()];
  const swept: Swept = { unproven: missing.length, warnings: [] };
  if (missing.length === 0 || deletes.mode === 'ignore') return swept;
  checkRatio(work, missing.length, allowDeletes);
  if (listed === null || missing.length > deletes.lookups) {
    swept.warnings.push(
      `${missing.length} users are no longer listed; that they are gone is not proven, so they are kept`,
    );
    return swept;
  }
  const verdicts = await lookUp(work, missing, listed);
  if (verdicts === null) {
    swept.warnings.push(
      `${missing.length} users are no longer listed, and this credential may not look users up: they are kept`,
    );
    return swept;
  }
  await record(work, verdicts);
  const said = [...verdicts.values()].map((verdict) => verdict.absence);
  swept.unproven = said.filter((absence) => absence === 'present' || absence === 'unknown').length;
  if (swept.unproven > 0)
    swept.warnings.push(`${name}: ${swept.unproven} users are not listed but still there: they are kept`);
  return swept;
}
