import type { Batch, Diffed } from '../../src/contract/journal.ts';
import { isObject, type Json, type JsonObject } from '../../src/contract/json.ts';
import type { Chunk, Verdict } from '../../src/contract/source.ts';
import type { Settings } from '../../src/sync/settings.ts';
import type { Flavour } from './roster.ts';
import { applied, emptyDraft, type Held, type Pending } from './rows.ts';
import { canonical, changedFields, type Meeting, ruled, type Version, versionOf } from './versions.ts';

/** A row of `user_changes`. */
export interface Logged {
  readonly op: string;
  readonly seq: number;
  readonly recorded_at: string;
  readonly version: Version | null;
  readonly fields: readonly string[];
  /** The recipe changed together with the user: a row of the log may tell of it or not. */
  readonly maybe: boolean;
}

/** What one answer about a user was, and whether he really is gone. */
interface Said {
  readonly id: string;
  readonly absence: Verdict['absence'];
  readonly record: JsonObject | undefined;
  readonly gone: boolean;
}

/** What the tables must be, made from what the source said and what the run made durable: nothing of the engine. */
export interface Model {
  readonly rows: Map<string, Held>;
  readonly log: Map<string, Logged[]>;
  /** Payloads that are quarantined, as text. */
  readonly rejected: Set<string>;
  /** Changes that are recorded and not in the warehouse. */
  pendingCount(): number;
  /** Ids that the open scan met. */
  readonly seen: Set<string>;
  begin(settings: Settings, flavour: Flavour, recipe: string, chosen: boolean): void;
  roles(roles: ReadonlyMap<string, string>): void;
  scanBegun(): void;
  scanEnded(): void;
  page(chunk: Chunk): void;
  /** The sweep begins. */
  missed(): void;
  answered(said: Said): void;
  verdicts(page: Diffed): void;
  sealed(batch: Batch): void;
  committed(batch: Batch): void;
  rebuilt(): void;
  /** What was recorded and not in the warehouse is forgotten, the open scan too. */
  dropped(): void;
  /** Live rows that are not inactive and that the open scan did not meet. */
  missing(): string[];
  inactive(): number;
  live(): number;
  /** Users whom the server called gone in this run, and who really are. */
  calledGone(): string[];
  /** Users whom a healthy server called gone in this run. */
  provenGone(): string[];
}

/** What a run has of its connection and source. */
interface Now {
  settings: Settings | null;
  flavour: Flavour | null;
  recipe: string;
  roles: ReadonlyMap<string, string>;
  said: Said[];
  /** The run is for chosen users and no scan. */
  chosen: boolean;
  complete: boolean;
  missedNow: readonly string[];
  /** Users whom the last complete scan missed. */
  missedBefore: ReadonlySet<string>;
}

function settingsOf({ settings }: Now): Settings {
  if (settings === null) throw new Error('no run has begun');
  return settings;
}

const meeting = (now: Now): Meeting => ({ columns: settingsOf(now).columns, roles: now.roles, recipe: now.recipe });

/** The user whom a staged line is about; the engine writes them as objects of texts. */
function idIn(json: string): string {
  const line: unknown = JSON.parse(json);
  return typeof line === 'object' && line !== null && 'user_id' in line ? String(line.user_id) : '';
}

const keyOf = ({ recipe, source }: Version): string => `${recipe} ${source}`;

/** Makes an empty model. */
export function makeModel(): Model {
  const rows = new Map<string, Held>();
  const log = new Map<string, Logged[]>();
  const rejected = new Set<string>();
  let open = emptyDraft();
  let sealed = { batch_id: '', ...emptyDraft() };
  /** Versions that the warehouse would not take: it is not asked again. */
  const refused = new Map<string, string>();
  const seen = new Set<string>();
  const now: Now = {
    settings: null,
    flavour: null,
    recipe: '',
    roles: new Map(),
    said: [],
    chosen: false,
    complete: false,
    missedNow: [],
    missedBefore: new Set(),
  };

  const take = (received: Json, chunk: Chunk): void => {
    const record = isObject(received) ? ruled(received, settingsOf(now).columns) : received;
    const id = isObject(record) && typeof record.id === 'string' ? record.id : null;
    if (!isObject(received) || id === null) {
      open.waiting.add(canonical(record));
      return;
    }
    if (chunk.unlessSeen === true && seen.has(id)) return;
    seen.add(id);
    const version = versionOf(meeting(now), received, chunk.active);
    if (version === null) open.waiting.add(canonical(record));
    else meet(id, version, false);
  };

  /** What the row says already is no change; that the account is listed again, or off, is known at once. */
  const meet = (id: string, version: Version, inactive: boolean): void => {
    const held = rows.get(id);
    const same =
      held?.deleted === false && held.version.source === version.source && held.version.recipe === version.recipe;
    const isPending = open.pending.has(id) || sealed.pending.has(id);
    if (same && !isPending) {
      if (held.inactive !== inactive) open.flipped.set(id, held.inactive);
      rows.set(id, { ...held, inactive });
    } else if (isPending || refused.get(id) !== keyOf(version)) open.pending.set(id, { to: 'row', version, inactive });
  };

  const forget = (): void => {
    open = emptyDraft();
    sealed = { batch_id: '', ...emptyDraft() };
    seen.clear();
  };

  const missing = (): string[] =>
    [...rows].filter(([id, { deleted, inactive }]) => !deleted && !inactive && !seen.has(id)).map(([id]) => id);

  /** The control was found before and after this answer. */
  const healthy = (at: number): boolean => {
    const control = ({ id, absence }: Said): boolean =>
      (now.chosen || seen.has(id)) && (absence === 'present' || absence === 'inactive');
    return now.said.slice(0, at).some(control) && now.said.slice(at + 1).some(control);
  };

  const provenGone = (): string[] =>
    now.said
      .filter(({ absence, id }, at) => absence === 'gone' && healthy(at) && (now.chosen || !seen.has(id)))
      .map(({ id }) => id);

  const prove = (id: string): void => {
    const { deletes } = settingsOf(now);
    if (deletes.mode === 'ignore') throw new Error(`${id} was deleted although deletes.mode is ignore`);
    if (seen.has(id) && !now.chosen) throw new Error(`${id} was deleted although this scan saw him`);
    const said = now.said.findLast((answer) => answer.id === id);
    if (said?.gone === true && provenGone().includes(id)) return;
    const scans =
      !now.chosen &&
      now.flavour?.unsignedCut !== true &&
      (deletes.proof === 'scans' || missing().length > deletes.lookups);
    if (scans && now.complete && now.missedBefore.has(id)) return;
    throw new Error(`${id} was deleted without proof`);
  };

  const markInactive = (id: string): void => {
    const { record } = now.said.findLast((said) => said.id === id && said.absence === 'inactive') ?? {};
    const version =
      record === undefined ? null : versionOf(meeting(now), record, now.flavour?.impliesActive === true ? false : null);
    if (version === null) throw new Error(`${id} was kept as inactive, which nobody said`);
    meet(id, version, true);
  };

  /** A lookup does not say whether an account is on where the listing does: it is taken to be as it was. */
  const lookedUp = (id: string): void => {
    const { record } = now.said.findLast((said) => said.id === id) ?? {};
    const active = now.flavour?.impliesActive === true ? rows.get(id)?.version.content.active !== false : null;
    const version = record === undefined ? null : versionOf(meeting(now), record, active);
    if (version === null) throw new Error(`${id} was loaded from a lookup that did not find him`);
    meet(id, version, rows.get(id)?.inactive === true);
  };

  const lookedUpInVain = (id: string): void => {
    const { record } = now.said.findLast((said) => said.id === id) ?? {};
    if (record === undefined) throw new Error(`${id} was quarantined from a lookup that did not find him`);
    open.waiting.add(canonical(ruled(record, settingsOf(now).columns)));
  };

  const commit = (id: string, change: Pending, { seq, recorded_at }: Batch): void => {
    const old = rows.get(id);
    if (change.to === 'row' && !change.version.sound) {
      rejected.add(canonical(change.version.content.raw));
      refused.set(id, keyOf(change.version));
      if (old !== undefined) rows.set(id, { ...old, inactive: false });
      return;
    }
    refused.delete(id);
    const { mode } = settingsOf(now).deletes;
    const { op, held, maybe } = applied(old, change, mode);
    if (held === null) rows.delete(id);
    else rows.set(id, old === undefined ? { ...held, first_seen_at: recorded_at } : held);
    if (op === null) return;
    const kept = mode === 'hard' ? null : (old?.version ?? null);
    const version = change.to === 'row' ? change.version : kept;
    const compared = old !== undefined && change.to === 'row';
    const fields = compared ? changedFields(old.version.content, change.version.content) : [];
    log.set(id, [...(log.get(id) ?? []), { op, seq, recorded_at, version, fields, maybe }]);
  };

  return {
    rows,
    log,
    rejected,
    pendingCount: () => open.pending.size + sealed.pending.size,
    seen,
    begin: (settings, flavour, recipe, chosen) => Object.assign(now, { settings, flavour, recipe, chosen, said: [] }),
    roles: (roles) => {
      now.roles = roles;
    },
    scanBegun: () => {
      seen.clear();
      Object.assign(now, { complete: false, missedNow: [] });
    },
    scanEnded: () => {
      if (now.complete) now.missedBefore = new Set(now.missedNow);
      now.complete = false;
    },
    page: (chunk) => {
      for (const record of chunk.records) take(record, chunk);
      now.complete = chunk.last;
    },
    missed: () => {
      now.missedNow = missing();
    },
    answered: (said) => now.said.push(said),
    verdicts: ({ moves, lines, rejected: refusals }) => {
      for (const { user_id } of refusals) if (user_id !== null) lookedUpInVain(user_id);
      const gone = new Set(lines.filter(({ op }) => op === 'delete' || op === 'purge').map(({ json }) => idIn(json)));
      for (const { user_id, next } of moves) {
        if (gone.has(user_id)) {
          prove(user_id);
          open.pending.set(user_id, { to: 'gone' });
        } else if (next.standing === 'inactive') markInactive(user_id);
        else if (next.standing === 'live') lookedUp(user_id);
      }
    },
    sealed: ({ batch_id }) => {
      if (batch_id === sealed.batch_id) return;
      sealed = { batch_id, ...open };
      open = emptyDraft();
    },
    committed: (batch) => {
      for (const [id, change] of sealed.pending) commit(id, change, batch);
      for (const payload of sealed.waiting) rejected.add(payload);
      sealed = { batch_id: batch.batch_id, ...emptyDraft() };
    },
    rebuilt: () => {
      forget();
      refused.clear();
      now.missedBefore = new Set();
      const { source, deletes } = settingsOf(now);
      // Where lookups tell of accounts that are off, those rows are taken for kept ones until somebody is met.
      const asks = source.impliesActive && deletes.proof === 'lookup';
      for (const [id, held] of rows) {
        rows.set(id, { ...held, inactive: asks && !held.deleted && !held.version.content.active });
      }
    },
    dropped: () => {
      for (const { flipped } of [open, sealed]) {
        for (const [id, inactive] of flipped) {
          const held = rows.get(id);
          if (held !== undefined) rows.set(id, { ...held, inactive });
        }
      }
      forget();
    },
    missing,
    inactive: () => [...rows.values()].filter(({ deleted, inactive }) => !deleted && inactive).length,
    live: () => [...rows.values()].filter(({ deleted }) => !deleted).length,
    calledGone: () => now.said.filter(({ absence, gone }) => absence === 'gone' && gone).map(({ id }) => id),
    provenGone,
  };
}
