import { ApiError, ok, type Reply } from './answers.ts';
import type { FaultKind } from './faults.ts';
import { type LoadConfiguration, runLoad } from './loads.ts';
import { estimate, type QueryConfiguration, type QueryPlace, runQuery, takeTime } from './queries.ts';
import type { Quotas } from './quotas.ts';
import type { Store } from './store.ts';
import { SqlError } from './tokens.ts';
import { pageReply, type WireResult } from './values.ts';

/** What a peer is like. */
export interface PeerOptions {
  /** Tokens that are accepted. */
  readonly token?: string;
  /** Where datasets are that name no place. */
  readonly location?: string;
  readonly quotas?: boolean;
  /** A project without billing: no DML. */
  readonly sandbox?: boolean;
  /** Permissions that nobody has. */
  readonly denied?: readonly string[];
  /** How long an insert waits for its job, in ms. With 0 it answers at once that the job is running. */
  readonly linger?: number;
}

/** A job as the API shows it. */
export interface PeerJob {
  readonly id: string;
  readonly project: string;
  readonly location: string;
  readonly configuration: Configuration;
  readonly creationTime: number;
  state: 'RUNNING' | 'DONE';
  error: { readonly reason: string; readonly message: string } | null;
  statistics: Readonly<Record<string, unknown>>;
  result: WireResult | null;
  ended: Promise<void>;
}

interface Configuration {
  readonly query?: QueryConfiguration;
  readonly load?: LoadConfiguration;
  readonly labels?: Readonly<Record<string, string>>;
  readonly dryRun?: boolean;
}

/** jobs.insert, as it was asked for. */
export interface Insert {
  readonly jobReference?: { readonly projectId?: string; readonly jobId?: string; readonly location?: string };
  readonly configuration?: Configuration;
}

/** The API's state. */
export interface Api {
  readonly options: Required<PeerOptions>;
  readonly place: (project: string) => QueryPlace;
  readonly store: Store;
  readonly quotas: Quotas;
  readonly jobs: Map<string, PeerJob>;
  token: string;
  /** Jobs are executed one after the other. */
  turn: Promise<void>;
}

/** A job's resource. */
export function resourceOf(job: PeerJob): object {
  const { id, project, location, configuration, creationTime, state, error } = job;
  const failed = error === null ? {} : { errorResult: error, errors: [error] };
  return {
    kind: 'bigquery#job',
    id: `${project}:${location}.${id}`,
    jobReference: { projectId: project, jobId: id, location },
    configuration,
    status: { state, ...failed },
    statistics: { creationTime: String(creationTime), ...job.statistics },
  };
}

async function work(api: Api, job: PeerJob, media: Buffer | null): Promise<void> {
  const { load, query } = job.configuration;
  if (load !== undefined) {
    const rows = await runLoad(api.store, api.quotas, load, media ?? Buffer.alloc(0));
    job.statistics = {
      totalSlotMs: '40',
      load: { outputRows: String(rows), inputFileBytes: String(media?.length ?? 0) },
    };
    return;
  }
  const done = await runQuery(api.place(job.project), query ?? {});
  const { type, changed, result, bytes } = done;
  job.result = result;
  const dml = changed === null ? {} : { numDmlAffectedRows: String(changed) };
  const told = { statementType: type, totalBytesBilled: String(bytes), totalBytesProcessed: String(bytes), ...dml };
  job.statistics = { totalSlotMs: '120', totalBytesProcessed: String(bytes), query: told };
}

async function execute(api: Api, job: PeerJob, media: Buffer | null, fault: FaultKind | null): Promise<void> {
  const before = api.turn;
  const { promise, resolve } = Promise.withResolvers<void>();
  api.turn = promise;
  try {
    await before;
    if (fault?.kind === 'slow') await takeTime(fault.ms);
    if (fault?.kind === 'job') job.error = { reason: fault.reason, message: fault.message };
    else await work(api, job, media);
  } catch (error) {
    const { reason = 'internalError', message } = error as Partial<SqlError> & Error;
    job.error = { reason, message };
  } finally {
    job.state = 'DONE';
    resolve();
  }
}

const PLACES = new Set(['US', 'EU']);

/** One jobs.insert: what is asked for, the file with it, and what befalls it. */
export interface Inserting {
  readonly project: string;
  readonly insert: Insert;
  readonly media: Buffer | null;
  readonly fault: FaultKind | null;
}

/** jobs.insert */
export async function insertJob(api: Api, { project, insert, media, fault }: Inserting): Promise<Reply> {
  const { configuration = {}, jobReference = {} } = insert;
  deny(
    api,
    'bigquery.jobs.create',
    `Access Denied: Project ${project}: User does not have bigquery.jobs.create permission in project ${project}.`,
  );
  const { query, dryRun, labels = {} } = configuration;
  for (const [key, value] of Object.entries(labels)) {
    if (!/^[a-z][a-z0-9_-]{0,62}$/.test(key) || !/^[a-z0-9_-]{0,63}$/.test(value))
      throw new ApiError(400, 'invalid', `Invalid label ${key}: ${value}`);
  }
  if (dryRun === true) return dryRunReply(api, project, query ?? {});
  const id = jobReference.jobId ?? `job_${api.jobs.size}`;
  if (!/^[\w-]{1,1024}$/.test(id)) throw new ApiError(400, 'invalid', `Invalid job ID "${id}"`);
  const known = api.jobs.get(`${project}:${id}`);
  if (known !== undefined)
    throw new ApiError(409, 'duplicate', `Already Exists: Job ${project}:${known.location}.${id}`);
  const job: PeerJob = {
    id,
    project,
    location: jobReference.location ?? api.options.location,
    configuration,
    creationTime: Date.now(),
    state: 'RUNNING',
    error: null,
    statistics: {},
    result: null,
    ended: Promise.resolve(),
  };
  api.jobs.set(`${project}:${id}`, job);
  job.ended = execute(api, job, media, fault);
  if (fault?.kind !== 'slow' && api.options.linger > 0) await Promise.race([job.ended, takeTime(api.options.linger)]);
  return ok(resourceOf(job));
}

async function dryRunReply(api: Api, project: string, query: QueryConfiguration): Promise<Reply> {
  try {
    const { type, bytes } = await estimate(api.place(project), query);
    const statistics = {
      totalBytesProcessed: String(bytes),
      query: { statementType: type, totalBytesProcessed: String(bytes) },
    };
    return ok({
      jobReference: { projectId: project },
      configuration: { dryRun: true },
      status: { state: 'DONE' },
      statistics,
    });
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    throw new ApiError(error.reason === 'notFound' ? 404 : 400, error.reason, error.message);
  }
}

/** Refuses what needs a permission that is denied. */
export function deny(api: Api, permission: string, message: string): void {
  if (api.options.denied.includes(permission)) throw new ApiError(403, 'accessDenied', message);
}

/** A job, asked for from where it is: outside of US and EU the place must be named. */
export function jobOf(api: Api, project: string, id: string, location: string | null): PeerJob {
  const job = api.jobs.get(`${project}:${id}`);
  const elsewhere = job !== undefined && job.location !== location && !(location === null && PLACES.has(job.location));
  if (job === undefined || elsewhere) throw new ApiError(404, 'notFound', `Not found: Job ${project}:${id}`);
  return job;
}

/** jobs.getQueryResults */
export function resultsReply(job: PeerJob, asked: URLSearchParams): Reply {
  if (job.state !== 'DONE') return ok({ jobComplete: false, jobReference: { jobId: job.id } });
  if (job.error !== null) throw new ApiError(400, job.error.reason, job.error.message);
  const schema = { fields: job.result?.fields ?? [] };
  const page = job.result === null ? { totalRows: '0' } : pageReply(job.result, asked);
  return ok({ jobComplete: true, schema, ...page });
}
