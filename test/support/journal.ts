import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { type Effects, effect, noEffects, UNKNOWN, type Version } from '../../src/contract/effects.ts';
import type { Diffed, Journal, Known, Line, Move, Place, Rejected } from '../../src/contract/journal.ts';
import { noCounts, type Run } from '../../src/contract/run.ts';
import { ledgerFile, makeLedger } from '../../src/journal/ledger.ts';

/** Connection of every ledger that these tests make. */
export const CONNECTION = 'support';

const folders: string[] = [];
const opened: Journal[] = [];

afterEach(() => {
  for (const journal of opened.splice(0)) journal.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A folder that is gone after the test. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-test-'));
  folders.push(folder);
  return folder;
}

/** A clock that tests set by hand. */
export interface HandClock {
  ms: number;
}

/** The ledger of the tests' connection in a folder. */
export function ledgerIn(folder: string, clock?: HandClock) {
  const ledger = makeLedger({
    connection: CONNECTION,
    source: 'pylon',
    folder,
    ...(clock === undefined ? {} : { clock: () => clock.ms }),
  });
  return { ledger, file: ledgerFile(folder, CONNECTION) };
}

/** Closes a journal when the test is over, whatever becomes of it. */
export function closing(journal: Journal): Journal {
  opened.push(journal);
  return journal;
}

/** Opens the ledger in a folder. Opening it again without closing is what a crash and a new process do. */
export async function openJournal(folder: string, clock?: HandClock): Promise<Journal> {
  const { journal } = await ledgerIn(folder, clock).ledger.open();
  return closing(journal);
}

/** One user of a page and his content; null: a record that was rejected at once. */
export type Met = readonly [user_id: string, content: string | null];

/** The recipe of every fingerprint that these tests make. */
export const RECIPE = '1.1.test';

export const print = (content: string): string => `${RECIPE}:${content}`;

/** The staged line of a user. */
export function upsertLine(user_id: string, content: string): Line {
  return { op: 'upsert', json: JSON.stringify({ op: 'upsert', user_id, name: content, fingerprint: print(content) }) };
}

/** A rejected record. */
export function rejectedRecord(payload_hash: string, changes: Partial<Rejected> = {}): Rejected {
  return {
    payload_hash,
    run_id: 'run-1',
    page: 1,
    user_id: null,
    reason: 'id: a user without an id',
    payload: '{}',
    rejected_at: '2026-11-01T00:00:00.000000Z',
    replayed_at: null,
    ...changes,
  };
}

/** Changes of a page under way: what the engine's diff does, reduced to moves. */
interface Draft {
  readonly lines: Line[];
  readonly moves: Move[];
  readonly seen: number[];
  readonly effects: Effects;
  readonly moved: Map<string, Known>;
}

function take(journal: Journal, draft: Draft, known: Known | null, [user_id, content]: Met): void {
  const earlier = draft.moved.get(user_id) ?? known;
  const user: Known = earlier ?? { num: journal.number(), user_id, ...UNKNOWN, loaded: UNKNOWN, waits: null };
  draft.seen.push(user.num);
  const next: Version = content === null ? UNKNOWN : { fingerprint: print(content), standing: 'live' };
  if (earlier !== null && earlier.fingerprint === next.fingerprint && earlier.standing === next.standing) return;
  const before = user.waits === 'open' ? effect(user.loaded, user) : null;
  const after = effect(user.loaded, next);
  if (before !== null) draft.effects[before] -= 1;
  if (after !== null) draft.effects[after] += 1;
  if (content !== null) draft.lines.push(upsertLine(user_id, content));
  draft.moves.push({ num: user.num, user_id, fresh: earlier === null, next, loaded: user.loaded });
  draft.moved.set(user_id, { ...user, ...next, waits: 'open' });
}

/** A page of the open scan with these users, diffed against the journal and ready to be recorded. */
export async function diffed(journal: Journal, users: readonly Met[], place: Place | null): Promise<Diffed> {
  const draft: Draft = { lines: [], moves: [], seen: [], effects: noEffects(), moved: new Map() };
  const met = await journal.meet(users.map(([user_id]) => user_id));
  users.forEach((user, i) => {
    take(journal, draft, met[i] ?? null, user);
  });
  return { ...draft, rejected: [], place };
}

/** Records a page of users; `cursor` null is the last page. */
export async function page(journal: Journal, cursor: string | null, users: readonly Met[]): Promise<void> {
  const place = { cursor, first: users[0]?.[0] ?? null, last: cursor === null, bad: 0 };
  await journal.step(await diffed(journal, users, place));
}

/** Records changes that are no page: a tombstone or a reactivation. */
export async function moveUser(journal: Journal, user_id: string, next: Version): Promise<void> {
  const [known] = await journal.meet([user_id]);
  if (known === null || known === undefined) throw new Error(`nobody knows ${user_id}`);
  const does = effect(known.loaded, next);
  const effects = noEffects();
  if (does !== null) effects[does] += 1;
  const move: Move = { num: known.num, user_id, fresh: false, next, loaded: known.loaded };
  const line: Line = { op: 'delete', json: JSON.stringify({ op: 'delete', user_id }) };
  await journal.step({ lines: [line], moves: [move], seen: [], rejected: [], effects, place: null });
}

/** Seals the open batch and records it as applied. */
export async function applyOpen(journal: Journal): Promise<Effects> {
  const batch = await journal.seal('run-1');
  if (batch === null) throw new Error('there is nothing to apply');
  return journal.promote(batch);
}

/** Makes the ledger ours and loads these users in one complete scan, page by page. */
export async function loadUsers(journal: Journal, ...pages: (readonly Met[])[]): Promise<void> {
  journal.note({ epoch: 'e1', account: 'acme' });
  journal.beginScan('sync', RECIPE);
  for (const [i, users] of pages.entries()) {
    await page(journal, i === pages.length - 1 ? null : `c${i + 1}`, users);
  }
  await applyOpen(journal);
  journal.endScan();
}

/** Users `u1` to `u<count>` with one content. */
export function manyUsers(count: number, content = 'a', from = 1): Met[] {
  return Array.from({ length: count }, (_, i) => [`u${from + i}`, content]);
}

/** A finished run. */
export function runOf(run_id: string, started_at: string, changes: Partial<Run> = {}): Run {
  return {
    run_id,
    connection: CONNECTION,
    source: 'pylon',
    kind: 'sync',
    trigger: 'command',
    outcome: 'ok',
    scheduled_at: null,
    started_at,
    finished_at: started_at,
    counts: noCounts(),
    kept: { unproven: 0, inactive: 0 },
    warnings: [],
    usage: null,
    error: null,
    ...changes,
  };
}

/** Random numbers from 0 up to 1 that are the same in every run of a test. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}
