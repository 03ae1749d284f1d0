import type { Access, OpenContext, ReadOptions, Row, Script, Session, Statement } from '../contract/warehouse.ts';
import { RollcallError } from '../errors.ts';
import { openApi, type Pace, REAL_PACE } from './bigquery-client.ts';
import { bigqueryDialect } from './bigquery-dialect.ts';
import { explained } from './bigquery-errors.ts';
import { columnNames, identityOf } from './bigquery-identity.ts';
import { makeJobs } from './bigquery-jobs.ts';
import type { BigqueryOptions } from './bigquery-options.ts';
import { findDataset, freshOf, jobName, noteMade, ownJobName, type Place } from './bigquery-place.ts';
import { estimated, runQuery } from './bigquery-query.ts';
import { rowsOf } from './bigquery-rows.ts';
import { FENCED, transactionText } from './bigquery-script.ts';
import { dropStaging, loadFile } from './bigquery-stage.ts';
import { BigqueryTrouble } from './bigquery-trouble.ts';

/** The statement as it is to be run; null where nothing is left of it: metadata are free, a job is not, and takes a second. */
async function needed({ o, api }: Place, statement: Statement): Promise<Statement | null> {
  if (statement.adds === undefined) return statement;
  const { table, columns } = statement.adds;
  // The statement that makes the table came before this one.
  const found = await freshOf(api, `/datasets/${o.dataset}/tables/${table}`);
  const there = new Set(columnNames(found));
  const missing = columns.filter(({ name }) => !there.has(name));
  if (missing.length === 0) return null;
  const sql = bigqueryDialect(o.project, o.dataset).addColumns(table, missing).join(';\n');
  return { sql, params: [] };
}

async function run(place: Place, statements: readonly Statement[]): Promise<void> {
  const { o, access } = place;
  if (access === 'read')
    throw new RollcallError('bug', 'a session opened for reading was asked to write', { step: 'run' });
  for (const statement of statements) {
    const left = await needed(place, statement);
    if (left === null) continue;
    await runQuery(place, left, ownJobName(o, 'run'));
    noteMade(o);
  }
}

/** Transactions of one process, one after the other: BigQuery cancels one of two that change the same table. */
const turns = new WeakMap<BigqueryOptions, Promise<unknown>>();

function inTurn<T>(o: BigqueryOptions, work: () => Promise<T>): Promise<T> {
  const before = turns.get(o) ?? Promise.resolve();
  // Whether the one before succeeded is its own caller's concern.
  const mine = before.then(work, work);
  turns.set(
    o,
    mine.catch(() => undefined),
  );
  return mine;
}

async function transact(place: Place, script: Script): Promise<'done' | 'fenced'> {
  place.counted += 1;
  try {
    await runQuery(place, { sql: transactionText(script), params: [] }, jobName(place.o, `${script.id}_apply`));
    place.counted += script.steps.length;
    return 'done';
  } catch (error) {
    if (error instanceof BigqueryTrouble && error.facts.message.includes(FENCED)) return 'fenced';
    throw error;
  }
}

async function* read(place: Place, query: Statement, options: ReadOptions): AsyncIterable<Row> {
  const { o, api, location } = place;
  place.counted += 1;
  try {
    const { id } = await runQuery(place, query, ownJobName(o, 'read'), options);
    yield* rowsOf(api, { id, location }, options);
  } catch (error) {
    throw explained(o, error, 'read');
  }
}

/** A session over one dataset. */
function session(place: Place): Session {
  const { o, jobs } = place;
  const told = async <T>(step: string, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw explained(o, error, step);
    }
  };
  return {
    identity: (connection) => told('look at the tables', identityOf(place, connection)),
    run: (statements) => told('prepare tables and rows', run(place, statements)),
    stage: (file) => {
      place.counted += 1;
      return told('stage the batch', loadFile(place, file));
    },
    unstage: (staging) => told('drop the staging table', dropStaging(place, staging)),
    transact: (script) =>
      told(
        'apply the batch',
        inTurn(o, () => transact(place, script)),
      ),
    read: (query, options = {}) => read(place, query, options),
    estimate: (query) => told('estimate the query', estimated(place, query)),
    statements: () => place.counted,
    usage: () => (jobs.usage.jobs.length === 0 ? null : { ...jobs.usage, jobs: [...jobs.usage.jobs] }),
    close: async () => undefined,
  };
}

/** A session, and the dataset that it is over. */
export interface Opened {
  readonly session: Session;
  readonly location: string | undefined;
  /** It was missing, and was made. */
  readonly made: boolean;
}

/** Opens the dataset; for writing it is made when it is missing. Null for reading where it is not there. */
export async function openDataset(
  o: BigqueryOptions,
  access: Access,
  context: OpenContext,
  pace: Pace = REAL_PACE,
): Promise<Opened | null> {
  const api = await openApi(o, context, pace);
  const found = await findDataset(o, api, access);
  if (found === null) return null;
  const { location, made } = found;
  if (made) noteMade(o);
  const jobs = makeJobs(api, o.project);
  return {
    session: session({ o, api, jobs, access, location, counted: 0, staged: null }),
    location,
    made,
  };
}
