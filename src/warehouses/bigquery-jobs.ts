import type { Usage } from '../contract/run.ts';
import type { Api, Resource } from './bigquery-client.ts';
import { BigqueryTrouble, isConflict, isMissing, isPassing, jobTrouble } from './bigquery-trouble.ts';

/** What is to be done by a job. */
export interface JobRequest {
  /** Begins the job's id; the number of the attempt ends it. The same work has the same id in every process. */
  readonly id: string;
  /** No other process knows the id: whoever has taken it is this one, whatever the clocks say. */
  readonly own?: boolean;
  readonly configuration: Resource;
  readonly location: string | undefined;
  /** A file to load. */
  readonly file?: string;
  /** Called when something that it needs is not there: makes it good, or throws what it was given. */
  readonly heal?: (trouble: BigqueryTrouble) => Promise<void>;
  /**
   * True when what another process's finished job of the same id left is what this one is for. Without it another
   * attempt is made, which must be harmless if the work is done.
   */
  readonly isDone?: () => Promise<boolean>;
}

/** A finished job. */
export interface Job {
  readonly id: string;
  readonly statistics: Resource;
}

/** So many attempts of one job fail before it is given up; more where others are at work on the same tables. */
const ATTEMPTS = 8;
const CONFLICTS = 20;
/** So many ids that other processes used are passed over. */
const TAKEN = 100;
/** Clocks of two machines differ by less than this, in ms. */
const SKEW = 60_000;

/** A member of a resource that is an object, or none. */
export function part(resource: Resource, name: string): Resource {
  const value = resource[name];
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/** A count in an answer: int64 travels as text. */
export function count(resource: Resource, name: string): number {
  const value = Number(resource[name] ?? 0);
  return Number.isFinite(value) ? value : 0;
}

const referring = (location: string | undefined) => (location === undefined ? {} : { location });

async function look(api: Api, { location }: JobRequest, id: string): Promise<Resource> {
  // A job that was just inserted may not be known everywhere yet.
  return (await api.ask({ path: `/jobs/${id}`, qs: referring(location), fresh: true })).body;
}

async function finished(api: Api, request: JobRequest, id: string, seen: Resource): Promise<Resource> {
  let job = seen;
  for (let n = 0; part(job, 'status').state !== 'DONE'; n += 1) {
    await api.poll(n);
    job = await look(api, request, id);
  }
  return job;
}

/** A job with this id, ours or another process's. */
interface Inserted {
  readonly job: Resource;
  readonly ours: boolean;
}

/** Inserts a job. Where its answer was lost, the next attempt finds the id taken: by itself. */
async function insert(api: Api, request: JobRequest, id: string, projectId: string): Promise<Inserted> {
  const { configuration, location, file, own = false } = request;
  const begun = Date.now();
  const json = { jobReference: { projectId, jobId: id, ...referring(location) }, configuration };
  const upload = file === undefined ? {} : { file };
  const sent = await api.ask({ method: 'POST', path: '/jobs', json, accept: [409], ...upload });
  if (sent.status !== 409) return { job: sent.body, ours: true };
  const job = await look(api, request, id);
  const made = count(part(job, 'statistics'), 'creationTime');
  return { job, ours: own || (sent.attempt > 1 && made >= begun - SKEW) };
}

/** Adds what a finished job used. */
function meter(usage: Usage, id: string, statistics: Resource, bytes: number): void {
  const [query, load] = [part(statistics, 'query'), part(statistics, 'load')];
  usage.jobs.push(id);
  usage.bytes += bytes;
  usage.rows += count(load, 'outputRows') + count(query, 'numDmlAffectedRows');
  usage.bytes_billed += count(query, 'totalBytesBilled');
  usage.slot_ms += count(statistics, 'totalSlotMs');
}

/** Runs jobs of one project and counts what they use. */
export interface Jobs {
  readonly usage: Usage;
  /** Runs a job to its end. Throws what it failed with. */
  run(request: JobRequest, bytes?: number): Promise<Job>;
}

/** One attempt of a job. Null: the id is another process's, and what that did is not what was asked for. */
async function attempt(api: Api, usage: Usage, request: JobRequest, tried: Tried): Promise<Job | null> {
  const { id } = tried;
  const { job, ours } = await insert(api, request, id, tried.projectId);
  const done = await finished(api, request, id, job);
  const statistics = part(done, 'statistics');
  // What a process that died had begun is charged for, and in no report yet.
  if (!usage.jobs.includes(id)) meter(usage, id, statistics, ours ? tried.bytes : 0);
  if (!ours) return (await request.isDone?.()) === true ? { id, statistics } : null;
  const trouble = jobTrouble(part(done, 'status'));
  if (trouble !== null) throw trouble;
  return { id, statistics };
}

/** What one attempt is told. */
interface Tried {
  readonly id: string;
  readonly projectId: string;
  readonly bytes: number;
}

/** Decides what follows a failed attempt: throws, or returns when it is time for the next. */
async function recover(api: Api, request: JobRequest, error: unknown, failed: number): Promise<void> {
  if (!(error instanceof BigqueryTrouble)) throw error;
  if (failed >= (isConflict(error.facts) ? CONFLICTS : ATTEMPTS)) throw error;
  const missing = isMissing(error.facts) && request.heal !== undefined;
  if (missing) await request.heal?.(error);
  else if (!isPassing(error.facts)) throw error;
  await api.backOff(failed, `BigQuery: ${error.facts.message}`);
}

/** The jobs of a session. */
export function makeJobs(api: Api, projectId: string): Jobs {
  const usage: Usage = { rows: 0, bytes: 0, bytes_billed: 0, slot_ms: 0, jobs: [] };
  const run = async (request: JobRequest, bytes = 0): Promise<Job> => {
    let [failed, taken] = [0, 0];
    for (;;) {
      const id = `${request.id}_${failed + taken + 1}`;
      try {
        const job = await attempt(api, usage, request, { id, projectId, bytes });
        if (job !== null) return job;
        taken += 1;
      } catch (error) {
        failed += 1;
        await recover(api, request, error, failed);
      }
      if (taken > TAKEN) throw new BigqueryTrouble({ status: 409, reason: 'duplicate', message: `job ${id} is there` });
    }
  };
  return { usage, run };
}
