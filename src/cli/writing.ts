import type { Config, Connection } from '../../config/types.ts';
import { noCounts } from '../contract/run.ts';
import type { WriteLog, Writes } from '../contract/writes.ts';
import { isAbort, RollcallError } from '../errors.ts';
import { acquireLease } from '../journal/lease.ts';
import { columnRules } from '../sync/columns.ts';
import type { Deps } from '../sync/settings.ts';
import { addressBook } from '../writes/addresses.ts';
import { applyRows, type RowResult, type Told, toldPlan } from '../writes/apply.ts';
import { closeOrphans } from '../writes/pending.ts';
import { type Planned, planRow, planRows, unread } from '../writes/plan.ts';
import { type SavedPlan, savePlan } from '../writes/plan-file.ts';
import type { Row } from '../writes/row.ts';
import { heldAgainst } from '../writes/since-plan.ts';
import type { WriteWork } from '../writes/work.ts';
import { checkAccount } from './account.ts';
import type { Globals } from './globals.ts';
import { lookInto } from './ledgers.ts';
import { print } from './print.ts';
import { secretValues } from './secret-values.ts';
import { stopOnSignals } from './stop.ts';
import { makeFollower } from './tables-follow.ts';
import { view } from './terminal.ts';
import { depsOf } from './workplace.ts';
import { actor } from './writable.ts';
import { codeOf, sums, tellRow } from './write-output.ts';

/** What a command wants written. */
export interface Wanted {
  readonly config: Config;
  readonly connection: Connection;
  readonly writes: Writes;
  readonly globals: Globals;
  readonly rows: readonly Row[];
  /** Really write; else only show the plan. */
  readonly yes: boolean;
  /** A file is applied, perhaps again. */
  readonly remembers: boolean;
  /** Where the plan is saved. */
  readonly planFile?: string;
  /** The rows are those of a saved plan. */
  readonly saved?: SavedPlan;
}

/** Everything that is open while a command writes. */
interface Open {
  readonly wanted: Wanted;
  /** The same as the work's, but deaf to a request to stop. */
  readonly lasting: Deps;
  readonly work: WriteWork;
  readonly account: string;
  readonly results: RowResult[];
}

function tell({ wanted, results }: Open, told: Told): void {
  results.push(told.result);
  tellRow(told, wanted.globals);
}

function say({ wanted, results }: Open, words: string): void {
  const { json, quiet } = wanted.globals;
  if (!json && !quiet) print(`${wanted.connection.name}: ${sums(results)}${words}`);
}

function planner({ wanted, work }: Open): (row: Row) => Promise<Planned> {
  const { saved } = wanted;
  if (saved === undefined) return (row) => planRow(work, row);
  const kept = new Map(saved.rows.map((known) => [known.row, known]));
  return async (row) => {
    const now = await planRow(work, row);
    const known = kept.get(row);
    return known === undefined ? now : heldAgainst(work, saved, known, now);
  };
}

/** Shows the plan and saves it where that was asked for. */
function showPlan(open: Open, plans: readonly Planned[]): number {
  const { wanted, work, account } = open;
  for (const plan of plans) tell(open, toldPlan(wanted.connection.name, plan));
  const refused = plans.some(({ outcome }) => outcome === 'refused');
  if (refused) {
    say(open, '; nothing was written');
    return 3;
  }
  if (wanted.planFile !== undefined) {
    savePlan(work, wanted.planFile, account, plans);
    say(open, `; the plan is in ${wanted.planFile}. Nothing was written: apply it with --from-plan and --yes`);
  } else {
    const some = plans.some(({ outcome }) => outcome === 'planned');
    say(open, some ? '; nothing was written. Add --yes to do it' : '');
  }
  return 0;
}

const BEHIND = 'the tables do not show all of it yet; the next sync mends that';

function warn({ wanted }: Open, words: string): void {
  process.stderr.write(`rollcall: ${wanted.connection.name}: ${words}\n`);
}

/** Nothing is written; what planning found out of earlier writes, whose process died, belongs into the tables all the same. */
async function refuseIt(open: Open, log: WriteLog, plans: readonly Planned[]): Promise<number> {
  const code = showPlan(open, plans);
  const behind = await makeFollower(open.lasting, log).finish();
  if (behind !== null) warn(open, `${BEHIND}: ${behind.message}`);
  return code;
}

async function makeIt(open: Open, log: WriteLog, plans: readonly Planned[]): Promise<number> {
  const { wanted, work } = open;
  if (wanted.planFile !== undefined) savePlan(work, wanted.planFile, open.account, plans);
  const follower = makeFollower(open.lasting, log);
  const plan = planner(open);
  const trouble = await applyRows(work, log, plans, {
    replan: (planned) => plan(planned.row),
    tell: (told) => tell(open, told),
    sent: follower.now,
  });
  const behind = await follower.finish();
  say(open, '');
  const stopped = [
    ...(trouble === null ? [] : [`the rest was not written: ${trouble.message}`]),
    ...(behind === null ? [] : [`${BEHIND}: ${behind.message}`]),
  ];
  for (const words of stopped) warn(open, words);
  return stopped.length > 0 ? 1 : codeOf(open.results);
}

/** Users who are asked for beside one who is not found. */
const CONTROLS = 5;

function othersThan(id: string, { config, connection }: Wanted, log: WriteLog | null): readonly string[] {
  const found = lookInto(config, connection, (journal) => {
    const others: string[] = [];
    for (const { user_id } of journal.live()) {
      if (user_id === id || log?.deleted(user_id) === true) continue;
      others.push(user_id);
      if (others.length === CONTROLS) break;
    }
    return others;
  });
  return found ?? [];
}

async function planAndWrite(wanted: Wanted, deps: Deps, log: WriteLog | null): Promise<number> {
  const { config, connection, writes, rows, yes, remembers } = wanted;
  const secrets = await secretValues(config, writes, rows);
  const { reader, io, close } = deps.connect(noCounts(), [...secrets.values()]);
  try {
    const account = await checkAccount(config, connection, deps, reader);
    const work: WriteWork = {
      deps,
      writes,
      reader,
      io,
      refs: await reader.refs(),
      rules: columnRules(connection),
      log,
      applies: yes,
      remembers,
      actor: actor(),
      holders: addressBook(connection.source, reader, rows),
      secret: (reference) => secrets.get(reference) ?? '',
      others: (id) => othersThan(id, wanted, log),
      now: () => new Date().toISOString(),
    };
    const lasting = depsOf(config, connection, deps.observer, new AbortController().signal);
    const open: Open = { wanted, lasting, work, account, results: [] };
    if (wanted.saved !== undefined && wanted.saved.account !== account)
      throw new RollcallError(
        'config',
        `the plan was made for account ${wanted.saved.account}, and the credential belongs to ${account}; make a new plan`,
        { connection: connection.name, step: 'compare the accounts' },
      );
    if (yes) closeOrphans(work);
    // Each row of a saved plan is read just before it is written, and then held against the plan.
    if (wanted.saved !== undefined && log !== null && yes)
      return await makeIt(
        open,
        log,
        wanted.saved.rows.map(({ row, changes }) => unread(row, changes)),
      );
    const plans = await planRows(work, rows, planner(open));
    const refused = plans.some(({ outcome }) => outcome === 'refused');
    if (!yes || log === null) return showPlan(open, plans);
    return refused ? await refuseIt(open, log, plans) : await makeIt(open, log, plans);
  } finally {
    close();
  }
}

/** Plans, and with --yes writes. Answers with the exit code. */
export async function carryOut(wanted: Wanted): Promise<number> {
  const { config, connection, globals, yes } = wanted;
  const { name } = connection;
  const stop = stopOnSignals();
  const seen = view(name, globals);
  const release = yes ? acquireLease(config.state.dir, name, 'write') : () => undefined;
  try {
    const deps = depsOf(config, connection, seen, stop.signal);
    const log = deps.ledger.writes(yes);
    try {
      const code = await planAndWrite(wanted, deps, log);
      return stop.code() ?? code;
    } finally {
      log?.close();
    }
  } catch (error) {
    const code = stop.code();
    if (code !== null && isAbort(error)) return code;
    throw error;
  } finally {
    release();
    seen.done();
    stop.release();
  }
}
