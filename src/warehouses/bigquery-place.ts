import { randomUUID } from 'node:crypto';
import type { Access, SealedFile } from '../contract/warehouse.ts';
import { RollcallError } from '../errors.ts';
import type { Api, Resource } from './bigquery-client.ts';
import { explained } from './bigquery-errors.ts';
import type { Jobs } from './bigquery-jobs.ts';
import type { BigqueryOptions } from './bigquery-options.ts';

/** What a session works with. */
export interface Place {
  readonly o: BigqueryOptions;
  readonly api: Api;
  readonly jobs: Jobs;
  readonly access: Access;
  /** Where the dataset is; jobs elsewhere do not see it. */
  readonly location: string | undefined;
  /** Statements that loaded, changed or scanned data. */
  counted: number;
  /** The batch in staging. */
  staged: SealedFile | null;
}

/** For so long after something was made BigQuery may not know it everywhere, in ms. */
const FRESH = 60_000;
/** When this process last made tables or the dataset of a warehouse; the session that needs them may be another one. */
const made = new WeakMap<BigqueryOptions, number>();

/** Remembers that something was made. */
export const noteMade = (o: BigqueryOptions): void => void made.set(o, performance.now());

/** What is not found may have been made a moment ago. */
export const justMade = (o: BigqueryOptions): boolean =>
  performance.now() - (made.get(o) ?? Number.NEGATIVE_INFINITY) < FRESH;

/** Labels of everything that Rollcall makes, so that the bill can be split by them. */
export const labelsOf = (o: BigqueryOptions): Resource => ({ application: 'rollcall', ...o.labels });

/** How a job is called. */
export interface JobName {
  /** Beginning of its id: dataset and work; ids are unique in a project for months. */
  readonly id: string;
  /** No other process will look for it. */
  readonly own: boolean;
}

/** The name of work that a later process finds again. */
export const jobName = (o: BigqueryOptions, work: string): JobName => ({
  id: `rollcall_${o.dataset}_${work}`,
  own: false,
});

/** The name of a job of this process alone. */
export const ownJobName = (o: BigqueryOptions, work: string): JobName => ({
  ...jobName(o, `${work}_${randomUUID()}`),
  own: true,
});

/** A table's resource; null when it, or its dataset, is not there. Metadata: free. */
export async function tableOf(api: Api, dataset: string, table: string): Promise<Resource | null> {
  const { status, body } = await api.ask({ path: `/datasets/${dataset}/tables/${table}`, accept: [404] });
  return status === 404 ? null : body;
}

/** The resource of a table or dataset that was made a moment ago: waits until BigQuery knows it everywhere. */
export async function freshOf(api: Api, path: string): Promise<Resource> {
  return (await api.ask({ path, fresh: true })).body;
}

async function datasetOf(api: Api, dataset: string): Promise<Resource | null> {
  const { status, body } = await api.ask({ path: `/datasets/${dataset}`, accept: [404] });
  return status === 404 ? null : body;
}

async function makeDataset(o: BigqueryOptions, api: Api, datasetId: string): Promise<Resource> {
  const datasetReference = { projectId: o.project, datasetId };
  const description = 'Users of every system, kept by Rollcall';
  const location = o.location === undefined ? {} : { location: o.location };
  const json = { datasetReference, description, labels: labelsOf(o), ...location };
  // Another process may be faster.
  await api.ask({ method: 'POST', path: '/datasets', json, accept: [409] });
  return freshOf(api, `/datasets/${datasetId}`);
}

const locationOf = ({ location }: Resource): string | undefined =>
  typeof location === 'string' ? location : undefined;

function checkLocation(
  o: BigqueryOptions,
  dataset: string,
  found: string | undefined,
  wanted: string | undefined,
): void {
  if (found === undefined || wanted === undefined || found.toLowerCase() === wanted.toLowerCase()) return;
  const setting =
    dataset === o.dataset
      ? 'set warehouse.location to that'
      : 'staging must be where the tables are: set another warehouse.staging_dataset';
  throw new RollcallError('config', `dataset ${o.project}.${dataset} is in ${found} and not in ${wanted}; ${setting}`, {
    step: 'open the dataset',
  });
}

/** Finds the datasets, or makes them for writing. Null for reading where there is none. */
export async function findDataset(
  o: BigqueryOptions,
  api: Api,
  access: Access,
): Promise<{ readonly location: string | undefined; readonly made: boolean } | null> {
  const names = access === 'write' && o.staging_dataset !== undefined ? [o.dataset, o.staging_dataset] : [o.dataset];
  let location = o.location;
  let made = false;
  for (const name of names) {
    let found: Resource | null;
    let step = 'look at the dataset';
    try {
      found = await datasetOf(api, name);
      if (found === null && access === 'read') return null;
      step = 'make the dataset';
      made ||= found === null;
      found ??= await makeDataset({ ...o, ...(location === undefined ? {} : { location }) }, api, name);
    } catch (error) {
      throw explained(o, error, step);
    }
    checkLocation(o, name, locationOf(found), location);
    location = locationOf(found) ?? location;
  }
  return { location, made };
}
