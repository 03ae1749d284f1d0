import { isDeepStrictEqual } from 'node:util';
import { effect } from '../contract/effects.ts';
import type { Diffed, Journal } from '../contract/journal.ts';
import type { Row } from '../contract/warehouse.ts';
import { RECORD_COLUMNS } from '../sql/tables.ts';
import { readUsers } from '../sql/users.ts';
import type { Deps } from './settings.ts';

/** One change that a run would make, for a person to look at. */
export interface Sample {
  readonly op: 'insert' | 'update' | 'restore' | 'delete';
  readonly user_id: string;
  readonly name: string | null;
  readonly changed: readonly string[];
}

interface Noted {
  readonly op: Sample['op'];
  readonly user_id: string;
  readonly line: Row | null;
}

/** Samples of a dry run. */
const MOST = 20;

const OPS = { inserted: 'insert', updated: 'update', restored: 'restore', deleted: 'delete' } as const;

/** A journal that keeps the first changes it records in mind. */
export function noting(journal: Journal, noted: Noted[]): Journal {
  const note = (page: Diffed): void => {
    for (const move of page.moves) {
      const does = effect(move.loaded, move.next);
      if (does === null || does === 'same' || noted.length >= MOST) continue;
      // Staged lines are objects of texts, written by this engine.
      const lines = page.lines.map((line) => JSON.parse(line.json) as Row);
      noted.push({
        op: OPS[does],
        user_id: move.user_id,
        line: lines.findLast((line) => line.user_id === move.user_id) ?? null,
      });
    }
  };
  return {
    ...journal,
    step: async (page) => {
      if (noted.length < MOST) note(page);
      await journal.step(page);
    },
  };
}

/** A staged text as the warehouse gives the column back. */
function asStored(value: unknown, type: string): unknown {
  if (value === null || value === undefined) return null;
  if (type === 'json') return JSON.parse(String(value));
  return type === 'boolean' ? value === 'true' : value;
}

const withoutQuery = (value: unknown): unknown => (typeof value === 'string' ? value.split('?')[0] : value);

function changed(line: Row, row: Row): string[] {
  const names = RECORD_COLUMNS.filter(({ name, type }) => {
    const [fresh, old] = [asStored(line[name], type), row[name] ?? null];
    if (name === 'avatar_url') return !isDeepStrictEqual(withoutQuery(fresh), withoutQuery(old));
    if (type === 'timestamp') return Date.parse(String(fresh)) !== Date.parse(String(old)) && fresh !== old;
    return !isDeepStrictEqual(fresh, old);
  }).map(({ name }) => name);
  return names.length > 1 ? names.filter((name) => name !== 'raw') : names;
}

/** What the noted changes would change, compared with the rows as they are. */
export async function samplesOf(deps: Deps, noted: readonly Noted[]): Promise<Sample[]> {
  const ids = noted.filter(({ op }) => op !== 'insert').map(({ user_id }) => user_id);
  const session = ids.length === 0 ? null : await deps.open('read');
  const rows = new Map<string, Row>();
  try {
    if (session !== null) {
      const query = readUsers(deps.warehouse.dialect, deps.settings.name, ids);
      for await (const row of session.read(query)) rows.set(String(row.user_id), row);
    }
  } finally {
    await session?.close();
  }
  return noted.map(({ op, user_id, line }) => {
    const row = rows.get(user_id);
    const name = line?.name ?? row?.name ?? null;
    return {
      op,
      user_id,
      name: name === null ? null : String(name),
      changed: op === 'update' && line !== null && row !== undefined ? changed(line, row) : [],
    };
  });
}
