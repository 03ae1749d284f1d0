import { cpSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import type { JsonObject } from '../../src/contract/json.ts';
import type { Run } from '../../src/contract/run.ts';
import type { Source } from '../../src/contract/source.ts';
import type { Row } from '../../src/contract/warehouse.ts';
import type { RunRequest } from '../../src/sync/run.ts';
import type { Settings } from '../../src/sync/settings.ts';
import { type Engine, type EngineRun, makeEngine } from './engine.ts';
import type { Home } from './homes.ts';
import { type Flavour, type Mood, rosterReader, rosterSource } from './roster.ts';
import type { Plan } from './traps.ts';
import { type Account, dice, makeWorld, type World } from './world.ts';

/** What is special about one run. */
export interface Special {
  readonly request?: Partial<RunRequest>;
  readonly plan?: Plan;
  readonly mood?: Partial<Mood>;
  readonly pause?: (point: string) => Promise<void>;
  readonly signal?: AbortSignal;
  readonly settings?: Partial<Settings>;
  /** Called when the source is asked for a page or a user. */
  readonly asked?: (request: 'page' | 'absent') => void;
  readonly account?: string;
}

/** What is special about a stage. */
export interface Setting {
  readonly users?: number;
  readonly flavour?: Partial<Flavour>;
  readonly settings?: Partial<Settings>;
  readonly deletes?: Partial<Settings['deletes']>;
  readonly world?: World;
  /** Warehouse of another stage. */
  readonly warehouse?: Promise<Home>;
}

/** A source, a host and a warehouse, to play one scene of the promise on. */
export interface Stage {
  readonly world: World;
  readonly engine: Engine;
  readonly flavour: Flavour;
  run(special?: Special): Promise<EngineRun>;
  /** A run that lives to its end. */
  sync(special?: Special): Promise<Run>;
  query(sql: string): Promise<Row[]>;
  /** Lets the rows of runs come that wait for a batch, where writing is not free: one user changes, in one more run. */
  sendRuns(): Promise<void>;
  /** The source with another flavour. */
  source(changed: Partial<Flavour>): Source;
  loseLedger(): void;
  /** Copies the state folder, or brings a copy back. */
  keepLedger(): string;
  restoreLedger(copy: string): void;
  /** Ids of the live rows, in order. */
  live(): Promise<unknown[]>;
  /** Operations of one user's log, in order. */
  ops(id: string): Promise<unknown[]>;
}

const engines: Engine[] = [];

afterEach(() => {
  for (const engine of engines.splice(0)) engine.remove();
});

const FLAVOUR: Flavour = {
  pageSize: 4,
  cursors: true,
  impliesActive: true,
  both: false,
  unsignedCut: false,
  version: 1,
};

/** Makes a stage; its folders are removed after the test. */
export function makeStage(setting: Setting = {}): Stage {
  const { users = 12, world = makeWorld(dice(7), users) } = setting;
  const flavour = { ...FLAVOUR, ...setting.flavour };
  const engine = makeEngine(setting.warehouse);
  engines.push(engine);
  const settings: Settings = {
    name: 'crew',
    source: rosterSource(flavour),
    deletes: { mode: 'soft', max_ratio: 0.2, proof: 'lookup', lookups: 200, ...setting.deletes },
    columns: { exclude: [], hash: [] },
    quarantine: { page_ratio: 1, scan_ratio: 1, max_record_bytes: 1_000_000 },
    ...setting.settings,
  };
  const run = ({ settings: changed, mood, asked, account, ...special }: Special = {}): Promise<EngineRun> =>
    engine.run({
      ...special,
      settings: { ...settings, ...changed },
      reader: (hit) => {
        const calm = { illFrom: Number.POSITIVE_INFINITY, forbidden: false, refusedCursors: 0, ...mood };
        const reader = rosterReader(world, flavour, calm, {
          before: (request) => {
            hit(`before ${request}`);
            asked?.(request);
          },
          after: (request) => hit(`after ${request}`),
          began: () => undefined,
          chunk: () => undefined,
          refs: () => undefined,
          answered: () => undefined,
        });
        return account === undefined ? reader : { ...reader, account: async () => ({ id: account, name: null }) };
      },
    });
  return {
    world,
    engine,
    flavour,
    run,
    sync: async (special) => {
      const { run: ended } = await run(special);
      if (ended === null) throw new Error('the run was killed, which nobody planned');
      return ended;
    },
    query: engine.query,
    sendRuns: async () => {
      if ((await engine.warehouse).warehouse.freeWrites) return;
      const [id = ''] = world.people.keys();
      change(world, id, { name: 'Renamed so that a batch comes' });
      await run();
    },
    source: (changed) => rosterSource({ ...flavour, ...changed }),
    loseLedger: () => rmSync(engine.state, { recursive: true, force: true }),
    keepLedger: () => {
      const copy = join(engine.folder, 'backup');
      cpSync(engine.state, copy, { recursive: true });
      return copy;
    },
    restoreLedger: (copy) => {
      rmSync(engine.state, { recursive: true, force: true });
      cpSync(copy, engine.state, { recursive: true });
    },
    live: async () => {
      const rows = await engine.query('select user_id from users where deleted_at is null order by user_id');
      return rows.map((row) => row.user_id);
    },
    ops: async (id) => {
      const rows = await engine.query(`select op from user_changes where user_id = '${id}' order by seq, recorded_at`);
      return rows.map((row) => row.op);
    },
  };
}

/** Ids of the world's users with one kind of account, in the order of the table. */
export function idsOf(world: World, account: Account = 'listed'): string[] {
  const found = [...world.people.values()].filter((person) => person.account === account);
  return found.map(({ id }) => id).toSorted();
}

/** Changes a user's record, or his account, at the source. */
export function change(world: World, id: string, record: JsonObject, account?: Account): void {
  const person = world.people.get(id);
  if (person === undefined) throw new Error(`there is no ${id}`);
  person.record = { ...person.record, ...record };
  person.account = account ?? person.account;
}

/** Everything of `users` that does not depend on when and by which run it was written. */
export const TIMELESS =
  'select user_id, email, name, roles, active, created_at, raw, deleted_at is not null as gone from users order by user_id';

/** The log without its times. */
export const LOGGED = 'select user_id, op, changed_fields, name, raw from user_changes order by user_id, seq';

/** Expects a run to have ended well. */
export function expectOk(run: Run): void {
  expect({ outcome: run.outcome, error: run.error }).toEqual({ outcome: 'ok', error: null });
}

/** Files under a folder that hold one of some texts, in any case. */
export function filesHolding(folder: string, texts: readonly string[]): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  return files.filter((file) => {
    if (!statSync(file).isFile()) return false;
    const bytes = readFileSync(file).toString('latin1').toLowerCase();
    return texts.some((text) => bytes.includes(text.toLowerCase()));
  });
}

/** Tables that hold one of some texts in any column, in any case. */
export async function tablesHolding(stage: Stage, texts: readonly string[]): Promise<unknown[]> {
  const tables = await stage.query(
    'select table_name from duckdb_tables() where schema_name = current_schema() order by table_name',
  );
  const holding: unknown[] = [];
  for (const { table_name } of tables) {
    const rows = JSON.stringify(await stage.query(`select * from "${table_name}"`)).toLowerCase();
    if (texts.some((text) => rows.includes(text.toLowerCase()))) holding.push(table_name);
  }
  return holding;
}
