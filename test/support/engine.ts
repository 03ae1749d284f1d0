import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Batch } from '../../src/contract/journal.ts';
import type { Run } from '../../src/contract/run.ts';
import type { Reader } from '../../src/contract/source.ts';
import type { Row } from '../../src/contract/warehouse.ts';
import { acquireLease } from '../../src/journal/lease.ts';
import { makeLedger } from '../../src/journal/ledger.ts';
import { execute, type RunRequest } from '../../src/sync/run.ts';
import type { Deps, Settings } from '../../src/sync/settings.ts';
import { type Home, makeHome } from './homes.ts';
import { type Plan, setTrap } from './traps.ts';
import { doing, NOBODY, type Process, type Witness, watchLedger, watchSession } from './watched.ts';

/** One run: what is asked of it, of which source, and what befalls it. */
export interface Asked {
  readonly settings: Settings;
  readonly request?: Partial<RunRequest>;
  readonly plan?: Plan | null;
  readonly witness?: Witness;
  /** Awaited at every instant before and after something that takes time: others may work meanwhile. */
  readonly pause?: (point: string) => Promise<void>;
  readonly signal?: AbortSignal;
  /** Lines of a full batch, where it is not to be the engine's own number. */
  readonly lines?: number;
  /** The source; `hit` is to be called at its own instants. */
  reader(hit: (point: string) => void): Reader;
}

/** How a run ended. `run` null: its process was killed. */
export interface EngineRun {
  readonly run: Run | null;
  readonly warned: readonly string[];
  /** Steps that it told of, as text. */
  readonly noted: readonly string[];
  /** What was planned came about. */
  readonly sprung: boolean;
}

/** One host with one warehouse: runs happen here one after another. */
export interface Engine {
  readonly folder: string;
  readonly state: string;
  readonly warehouse: Promise<Home>;
  run(asked: Asked): Promise<EngineRun>;
  query(sql: string): Promise<Row[]>;
  /** Several queries over one opening of the warehouse. */
  queries(...sqls: readonly string[]): Promise<readonly Row[][]>;
  /** Changes the warehouse behind the engine's back. */
  tamper(...statements: readonly string[]): Promise<void>;
  remove(): void;
}

const { signal: NEVER } = new AbortController();

interface Told {
  readonly warned: string[];
  readonly noted: string[];
}

/** Where a run happens. */
interface Place {
  readonly state: string;
  readonly home: Home;
}

/** Everything that a run works with, watched. */
function watchedDeps(p: Process, { state, home }: Place, asked: Asked, told: Told): Deps {
  const { name, source } = asked.settings;
  let batch: Batch | null = null;
  const remembering: Process = {
    ...p,
    witness: {
      ...p.witness,
      sealed: (sealed) => {
        batch = sealed;
        p.witness.sealed(sealed);
      },
    },
  };
  const clock = (): number => {
    // SQLite asks for the time inside its transactions: this is an instant within one.
    p.trap.hit(`inside ${doing.getStore() ?? 'a moment'}`);
    return Date.now();
  };
  return {
    settings: asked.settings,
    warehouse: home.warehouse,
    ledger: watchLedger(remembering, makeLedger({ connection: name, source: source.name, folder: state, clock })),
    observer: {
      page: () => undefined,
      waiting: () => undefined,
      note: (step, facts) => {
        told.noted.push(`${step} ${JSON.stringify(facts)}`);
      },
      warn: (message) => {
        told.warned.push(message);
      },
    },
    signal: asked.signal ?? NEVER,
    batch: { lines: asked.lines ?? 20_000, bytes: 64 * 1024 * 1024, age: 15 * 60_000 },
    connect: () => ({ reader: asked.reader(p.trap.hit), close: () => undefined }),
    open: async (access) => {
      p.trap.hit('before open');
      const session = await home.open(access);
      return session === null ? null : watchSession(remembering, session, () => batch);
    },
    lease: async () => {
      const release = acquireLease(state, name);
      p.hands.push(release);
      return release;
    },
  };
}

/**
 * Takes a dead process's files from its hands as they are on the disk. What was under way at its death has come to an
 * end by now, and nothing was begun since.
 */
async function bury(folder: string, { hands }: Process): Promise<void> {
  const kept = `${folder}.kept`;
  cpSync(folder, kept, { recursive: true });
  for (const letGo of hands) await letGo();
  rmSync(folder, { recursive: true, force: true });
  renameSync(kept, folder);
}

async function runIn({ folder, state, warehouse }: Engine, asked: Asked): Promise<EngineRun> {
  const trap = setTrap(asked.plan ?? null);
  const { witness = NOBODY, pause = async () => undefined } = asked;
  const p: Process = { trap, witness, pause, hands: [] };
  const told: Told = { warned: [], noted: [] };
  const deps = watchedDeps(p, { state, home: await warehouse }, asked, told);
  const request: RunRequest = {
    kind: 'sync',
    trigger: 'command',
    scheduled_at: null,
    allowDeletes: false,
    ...asked.request,
  };
  try {
    const run = await execute(deps, request);
    return { run: trap.dead() ? null : run, ...told, sprung: trap.sprung() };
  } catch (error) {
    if (!trap.dead()) throw error;
    return { run: null, ...told, sprung: true };
  } finally {
    if (trap.dead()) await bury(folder, p);
  }
}

/** Makes a host with an empty state folder and no warehouse yet, or the warehouse of another host. */
export function makeEngine(warehouse?: Promise<Home>): Engine {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-engine-'));
  const state = join(folder, 'state');
  mkdirSync(state, { recursive: true });
  const home = warehouse ?? makeHome(folder);
  const engine: Engine = {
    folder,
    state,
    warehouse: home,
    run: (asked) => runIn(engine, asked),
    query: async (sql) => (await engine.queries(sql))[0] ?? [],
    queries: async (...sqls) => (await home).queries(...sqls),
    tamper: async (...statements) => (await home).tamper(...statements),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
  return engine;
}
