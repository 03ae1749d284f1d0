import type { Command } from 'commander';
import type { Json } from '../../contract/json.ts';
import type { Setting } from '../../contract/writes.ts';
import { RollcallError } from '../../errors.ts';
import { badFile, readGiven } from '../../writes/file.ts';
import { checkPlanPath, loadPlan } from '../../writes/plan-file.ts';
import { refuseRepeats, rowOf, secretProblems } from '../../writes/row.ts';
import { globalsOf } from '../globals.ts';
import { referenceProblem } from '../secret-values.ts';
import { configOf, connectionOf } from '../workplace.ts';
import { writesOf } from '../writable.ts';
import { carryOut, type Wanted } from '../writing.ts';

interface ApplyOptions {
  readonly plan?: string;
  readonly fromPlan?: string;
  readonly yes?: true;
}

const jsonOf = (value: Setting['value']): Json => (typeof value === 'object' ? [...value] : value);

type Place = Pick<Wanted, 'config' | 'connection' | 'globals' | 'yes'>;

/** The rows of a file, which are planned anew. */
async function ofFile(place: Place, path: string, planFile: string | undefined): Promise<Wanted> {
  const { source } = place.connection;
  const all = await readGiven(path);
  const writes = writesOf(place.connection, all);
  const problems = all.flatMap((given) =>
    secretProblems(writes, given, referenceProblem).map((problem) => `${given.where}: ${problem}`),
  );
  if (problems.length > 0) throw badFile(path, problems);
  if (planFile !== undefined) checkPlanPath(planFile);
  const rows = refuseRepeats(all.map((given) => rowOf(writes, source.name, given)));
  return { ...place, writes, rows, remembers: true, ...(planFile === undefined ? {} : { planFile }) };
}

/** The rows of a saved plan, as they were asked for. They are checked anew: a plan is a file that anybody may edit. */
function ofPlan(place: Place, path: string): Wanted {
  const { name, source } = place.connection;
  const plan = loadPlan(path, name, source.name);
  const writes = writesOf(
    place.connection,
    plan.rows.map(({ row }) => row),
  );
  const problems: string[] = [];
  const rows = plan.rows.map((known) => {
    const { op, user_id, where, settings } = known.row;
    const values = settings.map(({ field, add, value }) => [add ? `${field}+` : field, jsonOf(value)] as const);
    const given = { op, user_id, where, values };
    problems.push(...secretProblems(writes, given, referenceProblem).map((problem) => `${where}: ${problem}`));
    return { ...known, row: rowOf(writes, source.name, given) };
  });
  if (problems.length > 0) throw badFile(path, problems);
  return { ...place, writes, rows: rows.map(({ row }) => row), remembers: true, saved: { ...plan, rows } };
}

/** `rollcall apply <connection> <file>`: many users, from a file or a saved plan. */
export async function apply(
  name: string,
  file: string | undefined,
  options: ApplyOptions,
  command: Command,
): Promise<number> {
  const { plan, fromPlan, yes } = options;
  if ((file === undefined) === (fromPlan === undefined) || (fromPlan !== undefined && plan !== undefined))
    throw new RollcallError(
      'config',
      'name a file of users, or a saved plan with --from-plan; --plan goes with a file',
      {
        step: 'apply',
      },
    );
  const globals = globalsOf(command);
  const config = await configOf(globals.config);
  const place = { config, connection: connectionOf(config, name), globals, yes: yes === true };
  return carryOut(fromPlan === undefined ? await ofFile(place, file ?? '', plan) : ofPlan(place, fromPlan));
}
