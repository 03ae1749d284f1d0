import { z } from 'zod';

const LABEL_KEY = /^[a-z][a-z0-9_-]{0,62}$/;
const LABEL_VALUE = /^[a-z0-9_-]{0,63}$/;
const DATASET = /^\w{1,1024}$/;

const datasetName = z.string().regex(DATASET, 'must be letters, digits and underscores');

const fields = z.strictObject({
  project: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9.:-]*$/, 'must be the id of a project, such as acme-analytics')
    .describe('Id of the Google Cloud project that the dataset is in and that is charged'),
  dataset: datasetName.describe('Dataset of the tables; made when it is missing and the grants allow it'),
  location: z
    .string()
    .regex(/^[A-Za-z]+(-[A-Za-z]+\d+)?$/, 'must be a location such as EU, US or europe-west3')
    .exactOptional()
    .describe('Where the dataset is, or is made; default: where it is, US for a new one'),
  credentials_file: z
    .string()
    .min(1)
    .exactOptional()
    .meta({ path: true })
    .describe("Key file of a service account; default: Google's application default credentials"),
  api_endpoint: z
    .url({ protocol: /^https?$/, error: 'must be a URL that begins with https:// or http://' })
    .exactOptional()
    .describe('Another address of the API: a regional or private endpoint, an emulator'),
  token: z.string().min(1).exactOptional().meta({ secret: true }).describe('Static bearer token for api_endpoint'),
  maximum_bytes_billed: z
    .int()
    .min(1)
    .exactOptional()
    .describe('Most bytes that one statement may be charged for; it fails instead'),
  labels: z
    .record(
      z.string().regex(LABEL_KEY, 'must begin with a small letter; small letters, digits, _ and -, at most 63'),
      z.string().regex(LABEL_VALUE, 'must be small letters, digits, _ and -, at most 63'),
    )
    .default({})
    .describe('Labels of every job and staging table, for the bill'),
  staging_dataset: datasetName
    .exactOptional()
    .describe('Dataset of the staging tables, in the same location; default: the dataset itself'),
  staging_hours: z
    .int()
    .min(1)
    .max(168)
    .default(24)
    .describe('Hours after which BigQuery drops a staging table that was left behind'),
});

/** The options of a BigQuery warehouse. */
export const bigqueryOptions = fields.superRefine((o, context) => {
  const problem = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
  if (o.token !== undefined && o.api_endpoint === undefined) {
    problem(
      'token',
      'belongs to api_endpoint; without one set credentials_file, or nothing for the default credentials',
    );
  }
  if (o.token !== undefined && o.credentials_file !== undefined) {
    problem('credentials_file', 'and token exclude each other: keep one of the two');
  }
  if (o.api_endpoint?.startsWith('http:') && o.token === undefined) {
    problem('token', 'is missing: Google credentials are never sent over http://, a static token is');
  }
});

/** Options of a BigQuery warehouse, checked. */
export type BigqueryOptions = z.infer<typeof bigqueryOptions>;
