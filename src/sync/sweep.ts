import { randomInt } from 'node:crypto';
import type { Known } from '../contract/journal.ts';
import type { Verdict } from '../contract/source.ts';
import { RollcallError } from '../errors.ts';
import { inquire, isThere } from './absences.ts';
import type { ScanWork } from './scan.ts';
import { recordVerdicts } from './verdicts.ts';

/** Fewer missing users than this are asked for whatever share of all they are. */
const FEW = 10;

/** Users kept as inactive who are looked up again in one scan; the others have their turn in the next ones. */
const RECHECKED = 20;

/** What a sweep found: rows that stay although the scan did not see their users, and nothing proves them gone. */
export interface Swept {
  readonly unproven: number;
  readonly warnings: readonly string[];
}

function refused(name: string, message: string): RollcallError {
  return new RollcallError('refused', `${name}: ${message}`, { connection: name, step: 'sweep' });
}

/** Too much missing at once is a listing cut short until somebody says otherwise. Inactive users do not count. */
function checkRatio(work: ScanWork, missing: number, allowed: boolean): void {
  const { name, deletes } = work.deps.settings;
  if (allowed || missing === 0) return;
  // Those whom this scan itself brought were not there to go missing.
  const brought = work.counts.inserted + work.counts.restored;
  const counted = Math.max(missing, work.journal.facts().live - work.journal.inactive() - brought);
  const share = `${missing} of the ${counted} live users are not in the listing`;
  const how = `nothing was deleted. If they really left, allow it once: rollcall sync ${name} --allow-deletes`;
  if (work.counts.seen === 0) {
    const alone =
      'With nobody listed no lookup can prove that the API is well: deletes.proof: scans proves it by a second such listing';
    throw refused(name, `the listing is empty: ${share}; ${how}. ${alone}`);
  }
  if (missing > FEW && missing > deletes.max_ratio * counted) {
    throw refused(name, `${share}, more than deletes.max_ratio (${deletes.max_ratio}) allows; ${how}`);
  }
}

const GONE: Verdict = { absence: 'gone' };

/** Users whom two complete scans in a row did not see. */
function missedTwice(work: ScanWork, missing: readonly Known[], before: ReadonlySet<number>): Map<Known, Verdict> {
  work.deps.observer.note('proved by two scans', { connection: work.deps.settings.name, missing: missing.length });
  return new Map(missing.filter((user) => before.has(user.num)).map((user) => [user, GONE]));
}

/** How absences are proven: by asking for each, or by a second complete scan where the source's listings allow that. */
function byScans(work: ScanWork, missing: number): boolean {
  const { deletes } = work.deps.settings;
  if (work.reader.unsignedCut) return false;
  return deletes.proof === 'scans' || missing > deletes.lookups;
}

/** All, or as many as may be asked from a random one on: over several scans everybody has a turn. */
function someOf(users: readonly Known[], most: number): readonly Known[] {
  if (users.length <= most) return users;
  const start = randomInt(users.length);
  return [...users.slice(start), ...users.slice(0, start)].slice(0, most);
}

/** This credential may not look users up. A caller who is shut out altogether gets another status, and stops. */
function mayNot({ kind, status }: RollcallError): boolean {
  return (kind === 'auth' || kind === 'permission') && (status === undefined || status === 401 || status === 403);
}

/** Nobody was ever found by id with this connection's credential: it may be of the kind that finds nobody. */
async function isBlind({ journal, reader, deps }: ScanWork, control: string | null): Promise<boolean> {
  if (deps.settings.source.blindLookups !== true || journal.facts().finds === 1) return false;
  const finds = control !== null && (await isThere(reader, control));
  if (finds) journal.note({ finds: 1 });
  return !finds;
}

/** Tries a lookup while nobody is missed, so that it is known later whether a failing one is the server's illness. */
async function learnSight(work: ScanWork): Promise<void> {
  try {
    await isBlind(work, work.journal.listed());
  } catch (error) {
    // Nothing depends on it yet: a scan that misses nobody is not to fail for it, and the next one tries again.
    if (!(error instanceof RollcallError)) throw error;
  }
}

/** Asks for each user; null when this credential may not look users up. */
async function lookUp(work: ScanWork, users: readonly Known[]): Promise<Map<Known, Verdict> | null> {
  const { deps, journal, reader } = work;
  const ids = users.map((user) => user.user_id);
  if (ids.length === 0) {
    await learnSight(work);
    return new Map();
  }
  const control = journal.listed();
  const connection = deps.settings.name;
  try {
    const blind = await isBlind(work, control);
    const said = await inquire({ connection, reader, signal: deps.signal, ids, control, blind });
    return new Map(users.map((user) => [user, said.get(user.user_id) ?? { absence: 'unknown' }]));
  } catch (error) {
    if (error instanceof RollcallError && mayNot(error)) return null;
    throw error;
  }
}

function warnings(missing: number, proven: number, allowed: boolean): string[] {
  const left = missing - proven;
  if (left === 0) return [];
  const who = left === 1 ? '1 user is' : `${left} users are`;
  if (!allowed) return [`${who} no longer listed, and this credential may not look users up: kept`];
  return [`${who} no longer listed, but not proven gone: kept`];
}

function ignored(missing: number): string[] {
  if (missing === 0) return [];
  return [`${missing === 1 ? '1 user is' : `${missing} users are`} no longer listed: kept, as deletes.mode is ignore`];
}

/** Deals with the known users whom a complete scan did not see. Its changes are left in the open batch. */
export async function sweep(work: ScanWork, allowDeletes: boolean): Promise<Swept> {
  const { journal, rules, deps } = work;
  const { deletes } = deps.settings;
  const missing = [...journal.missing()];
  const before = new Set(missing.filter((user) => journal.missedBefore(user.num)).map((user) => user.num));
  journal.noteMissed(missing.map((user) => user.num));
  if (deletes.mode === 'ignore') return { unproven: missing.length, warnings: ignored(missing.length) };
  checkRatio(work, missing.length, allowDeletes);
  const scans = byScans(work, missing.length);
  const asked = scans ? [] : someOf(missing, deletes.lookups);
  const again = deletes.proof === 'scans' ? [] : journal.recheck(Math.min(RECHECKED, deletes.lookups - asked.length));
  const answers = await lookUp(work, [...asked, ...again]);
  const said = answers ?? new Map<Known, Verdict>();
  const verdicts = scans ? new Map([...said, ...missedTwice(work, missing, before)]) : said;
  await recordVerdicts(journal, rules, verdicts, deletes.mode);
  const settled = (user: Known): boolean => ['gone', 'inactive'].includes(verdicts.get(user)?.absence ?? 'unknown');
  const proven = missing.filter(settled).length;
  const told = warnings(missing.length, proven, answers !== null || scans);
  return { unproven: missing.length - proven, warnings: told };
}
