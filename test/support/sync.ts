import { z } from 'zod';
import { UNKNOWN, type Version } from '../../src/contract/effects.ts';
import type { Journal, Known } from '../../src/contract/journal.ts';
import type { JsonObject } from '../../src/contract/json.ts';
import type { Refs, Source } from '../../src/contract/source.ts';
import { idOf, text } from '../../src/sources/record.ts';
import { columnRules } from '../../src/sync/columns.ts';
import { type DiffRules, diffPage, type PageDiff, type Records } from '../../src/sync/diff.ts';
import { contentHash } from '../../src/sync/fingerprint.ts';
import type { Settings } from '../../src/sync/settings.ts';

/** Listings of a source that has neither roles nor teams. */
export const NO_REFS: Refs = { roles: new Map(), teams: new Map() };

const notAsked = (what: string) => (): never => {
  throw new Error(`the test's source was asked for its ${what}`);
};

/** A source whose users are `{id, name, avatar_url, …}`; only its mapping is used. */
export function plainSource(changes: Partial<Source> = {}): Source {
  return {
    name: 'plain',
    version: 1,
    options: z.unknown(),
    limits: { list: 0, get: 0, search: 0, write: 0 },
    fields: [],
    id: 'id',
    exclude: [],
    volatile: ['avatar_url'],
    impliesActive: true,
    unsignedCut: false,
    api: notAsked('API'),
    reader: notAsked('reader'),
    user: (raw, _refs, active) => ({
      user_id: idOf(raw, 'id'),
      email: text(raw, 'email'),
      emails: [],
      name: text(raw, 'name'),
      first_name: null,
      last_name: null,
      roles: [],
      active,
      availability: null,
      avatar_url: text(raw, 'avatar_url'),
      created_at: null,
      updated_at: null,
    }),
    referred: () => '',
    ...changes,
  };
}

/** Settings of a connection to the plain source. */
export function settingsOf(columns: Partial<Settings['columns']> = {}, source = plainSource()): Settings {
  return {
    name: 'crm',
    source,
    deletes: { mode: 'soft', max_ratio: 0.2, proof: 'lookup', lookups: 200 },
    columns: { exclude: [], hash: [], ...columns },
    quarantine: { page_ratio: 0.5, scan_ratio: 0.1, max_record_bytes: 1000 },
  };
}

/** What a journal of the diff's tests knows. */
export interface Memory {
  readonly known?: readonly Known[];
  /** Numbers of users whom the open scan has met. */
  readonly seen?: readonly number[];
  readonly rejected?: readonly string[];
}

const unused = (): never => {
  throw new Error('a diff does not ask the journal for this');
};

/** A journal that only answers what a diff asks, from memory. */
export function memoryJournal({ known = [], seen = [], rejected = [] }: Memory = {}): Journal {
  const byId = new Map(known.map((user) => [user.user_id, user]));
  let next = Math.max(0, ...known.map((user) => user.num)) + 1;
  return {
    meet: async (ids) => ids.map((id) => byId.get(id) ?? null),
    number: () => next++,
    wasSeen: (num) => seen.includes(num),
    hasRejected: (payload_hash) => rejected.includes(payload_hash),
    now: () => '2026-11-01T00:00:00.000000Z',
    ...{ facts: unused, note: unused, scan: unused, beginScan: unused, restartScan: unused, endScan: unused },
    ...{ seenCount: unused, step: unused, openBatch: unused, seal: unused, sealed: unused, refuse: unused },
    ...{ promote: unused, listed: unused, missing: unused, live: unused, missedBefore: unused, noteMissed: unused },
    ...{ recheck: unused, inactive: unused, unseenInactive: unused, seenWithoutRow: unused, saveRun: unused },
    ...{ runs: unused, unsentRuns: unused, markSent: unused, markUnsent: unused, close: unused },
    ...{ retire: unused, checkpoint: unused },
    ...{ rejected: unused, markReplayed: unused, dropPending: unused, erase: unused, spoolIntact: unused },
  };
}

/** Recipe of the diff's tests. */
export const RECIPE = '1.1.test';

/** The fingerprint that a record of the plain source gets. */
export function printOf(record: JsonObject, active: boolean | null = true): string {
  return `${RECIPE}:${contentHash(plainSource(), record, active, '')}`;
}

/** A user whom the journal knows with this version; it is loaded unless `loaded` says otherwise. */
export function knownUser(num: number, user_id: string, version: Partial<Version>, loaded?: Version): Known {
  const whole: Version = { ...UNKNOWN, standing: 'live', ...version };
  return { num, user_id, ...whole, loaded: loaded ?? whole, waits: loaded === undefined ? null : 'open' };
}

/** Diffs one page of records of the plain source, listed as active. */
export function diffOf(
  journal: Journal,
  records: Records['records'],
  from: Partial<Records> = {},
  rules: Partial<DiffRules> = {},
): Promise<PageDiff> {
  const settings = settingsOf();
  const whole: DiffRules = {
    source: settings.source,
    refs: NO_REFS,
    recipe: RECIPE,
    rules: columnRules(settings),
    maxRecordBytes: settings.quarantine.max_record_bytes,
    run_id: 'run-1',
    rewrite: false,
    settle: async () => undefined,
    ...rules,
  };
  return diffPage(journal, whole, { page: 3, active: true, unlessSeen: false, lookup: false, ...from, records });
}
