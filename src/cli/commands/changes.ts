import type { Command } from 'commander';
import type { Row } from '../../contract/warehouse.ts';
import { RollcallError } from '../../errors.ts';
import { readChanges, SHOWN_COLUMNS } from '../../sql/changes.ts';
import { globalsOf } from '../globals.ts';
import { print, table } from '../print.ts';
import { rawChanges } from '../raw-changes.ts';
import { since } from '../since.ts';
import { stopOnSignals } from '../stop.ts';
import { configOf, connectionOf, openWarehouse } from '../workplace.ts';

interface Change {
  readonly connection: unknown;
  readonly user_id: unknown;
  readonly name: unknown;
  readonly email: unknown;
  readonly op: unknown;
  readonly recorded_at: unknown;
  readonly changes: Readonly<Record<string, readonly [unknown, unknown]>>;
  readonly run_id: unknown;
}

/** Rows that a table shows; more are for --json. */
const SHOWN = 100;

/** A field as it was and is; of the record itself only what differs, or that it does. */
function changesOf(field: string, old: unknown, fresh: unknown): Record<string, readonly [unknown, unknown]> {
  const whole = { [field]: [old ?? null, fresh ?? null] as const };
  if (field !== 'raw') return whole;
  const parts = rawChanges(old, fresh);
  return Object.keys(parts).length === 0 ? whole : parts;
}

function changeOf(row: Row): Change {
  const { connection, user_id, name, email, op, recorded_at, run_id } = row;
  const fields = Array.isArray(row.changed_fields) ? row.changed_fields.map(String) : [];
  const shown = fields.filter((field) => SHOWN_COLUMNS.includes(field));
  const changes = Object.assign({}, ...shown.map((field) => changesOf(field, row[`old_${field}`], row[field])));
  return { connection, user_id, name, email, op, recorded_at, changes, run_id };
}

/** A value in a few words: a role by its slug, a list by its members. */
function words(value: unknown): string {
  if (value === null || value === undefined) return '(none)';
  if (Array.isArray(value)) return value.length === 0 ? '(none)' : value.map(words).join(', ');
  if (typeof value !== 'object') return String(value);
  const { slug, name, id } = value as { slug?: unknown; name?: unknown; id?: unknown };
  return String(name ?? slug ?? id ?? JSON.stringify(value));
}

function text(change: Change): unknown[] {
  const what = Object.entries(change.changes).map(
    ([field, [old, fresh]]) => `${field}: ${words(old)} → ${words(fresh)}`,
  );
  const who = change.name ?? change.email ?? change.user_id;
  return [
    String(change.recorded_at).slice(0, 19).replace('T', ' '),
    change.connection,
    change.op,
    who,
    what.join('; '),
  ];
}

/** `rollcall changes [connection]`: what changed, newest first. */
export async function changes(name: string | undefined, options: { since: string }, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const connection = name === undefined ? null : connectionOf(config, name).name;
  const query = readChanges(config.warehouse.dialect, since(options.since), connection);
  const stop = stopOnSignals();
  const session = await openWarehouse(config, 'read', { signal: stop.signal, waiting: () => undefined });
  try {
    if (session === null)
      throw new RollcallError('config', 'there is no warehouse yet: run `rollcall sync` first', { step: 'changes' });
    const found: Change[] = [];
    for await (const row of session.read(query)) found.push(changeOf(row));
    if (globals.json) print(JSON.stringify(found));
    else if (found.length === 0) print(`nothing changed since ${options.since}`);
    else {
      print(table(['when (UTC)', 'connection', 'what', 'who', 'fields'], found.slice(0, SHOWN).map(text)));
      if (found.length > SHOWN) print(`… and ${found.length - SHOWN} more (--json prints all)`);
    }
    return 0;
  } finally {
    await session?.close();
    stop.release();
  }
}
