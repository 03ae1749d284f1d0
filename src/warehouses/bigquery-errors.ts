import { type ErrorKind, isAbort, RollcallError } from '../errors.ts';
import type { BigqueryOptions } from './bigquery-options.ts';
import { BigqueryTrouble, isCredentials, isPassing, isShort, type TroubleFacts } from './bigquery-trouble.ts';

/** Roles by the permission that is missing, most telling first. */
const ROLES: readonly (readonly [permission: RegExp, role: string, on: 'project' | 'dataset'])[] = [
  [/bigquery\.jobs\./, 'roles/bigquery.jobUser', 'project'],
  [/bigquery\.datasets\.create/, 'roles/bigquery.user', 'project'],
  [/bigquery\.(tables|datasets|routines)\./, 'roles/bigquery.dataEditor', 'dataset'],
];

const PERMISSION = /bigquery\.(?!googleapis)[a-z]+\.[A-Za-z]+/;

/** The role that a step needs where BigQuery does not name the permission. */
function roleOf(message: string, step: string): readonly [role: string, on: 'project' | 'dataset'] {
  const permission = PERMISSION.exec(message)?.[0];
  const found = ROLES.find(([pattern]) => permission !== undefined && pattern.test(permission));
  if (found !== undefined) return [found[1], found[2]];
  if (step === 'make the dataset') return ['roles/bigquery.user', 'project'];
  return /dataset|table|view/i.test(message) && !/\bjobs?\b/i.test(message)
    ? ['roles/bigquery.dataEditor', 'dataset']
    : ['roles/bigquery.jobUser', 'project'];
}

function denied(o: BigqueryOptions, { message }: TroubleFacts, step: string): string {
  const [role, on] = roleOf(message, step);
  const permission = PERMISSION.exec(message)?.[0];
  const what = permission === undefined ? '' : ` (${permission})`;
  const { staging_dataset: staging } = o;
  const dataset = staging !== undefined && message.includes(staging) ? staging : o.dataset;
  const where = on === 'project' ? `project ${o.project}` : `dataset ${o.project}.${dataset}`;
  return (
    `BigQuery does not let these credentials ${step}${what}: they need ${role} on ${where}; ` +
    `\`rollcall grants bigquery\` prints what an admin runs. BigQuery said: ${message}`
  );
}

/** An error's kind and words. */
type Verdict = readonly [kind: ErrorKind, message: string];

const SANDBOX = /free tier|sandbox|billing has not been enabled|enable billing/i;
const BILLING_REASON: ReadonlySet<string> = new Set(['billingNotEnabled', 'billingTierLimitExceeded']);

/** What a project says in which nobody has switched BigQuery on. */
const OFF = /has not been used in project|it is disabled/i;

/** Trouble with who asks, or with what he may. */
function credentials(o: BigqueryOptions, facts: TroubleFacts, step: string): Verdict | null {
  const { status, reason, message } = facts;
  if (BILLING_REASON.has(reason) || SANDBOX.test(message)) {
    const why = 'a project without billing (a sandbox) has no DML, which every sync needs';
    return [
      'permission',
      `project ${o.project} may not ${step}: ${why}; enable billing for it. BigQuery said: ${message}`,
    ];
  }
  if (status === 401) {
    const next =
      o.token === undefined ? 'check the credentials' : 'set warehouse.token to a token that has not expired';
    return ['auth', `BigQuery refused the credentials (401); ${next}. BigQuery said: ${message}`];
  }
  if (status === null && /default credentials/i.test(message)) {
    const ways =
      'set warehouse.credentials_file or GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login`';
    return ['auth', `no Google credentials were found; ${ways}`];
  }
  if (isCredentials(facts)) {
    const file = o.credentials_file === undefined ? 'the Google credentials' : `the key in ${o.credentials_file}`;
    return ['auth', `${file} cannot be used: ${message}; make a new key, or check the clock of this machine`];
  }
  if (reason === 'accessNotConfigured' || (status === 403 && OFF.test(message))) {
    const command = `gcloud services enable bigquery.googleapis.com --project ${o.project}`;
    return [
      'permission',
      `the BigQuery API is not enabled for the project that asks: run \`${command}\` and wait a minute. BigQuery said: ${message}`,
    ];
  }
  if (
    reason === 'accessDenied' ||
    (status === 403 && !isShort(facts) && !isPassing(facts) && reason !== 'quotaExceeded')
  ) {
    return ['permission', denied(o, facts, step)];
  }
  return null;
}

/** Trouble with quotas, limits, or what is not there. */
function limits(o: BigqueryOptions, facts: TroubleFacts, step: string): Verdict | null {
  const { status, reason, message } = facts;
  if (reason === 'bytesBilledLimitExceeded' || /limit for bytes billed/i.test(message)) {
    const limit = 'warehouse.maximum_bytes_billed (or --max-bytes) allows';
    return [
      'refused',
      `could not ${step}: it would be charged for more than ${limit}; raise it. BigQuery said: ${message}`,
    ];
  }
  if (reason === 'quotaExceeded') {
    return [
      'rate-limited',
      `a quota of project ${o.project} is used up, so that it could not ${step}; run again later. BigQuery said: ${message}`,
    ];
  }
  if (status === 429 || /rateLimitExceeded/i.test(reason)) {
    return [
      'rate-limited',
      `BigQuery keeps limiting the rate of requests and could not ${step}; run again later (${message})`,
    ];
  }
  const absent = (status === 404 || reason === 'notFound') && /not found: (project|dataset)/i.test(message);
  // Nothing but settings is in what these two steps send.
  if (absent || (status === 400 && / the dataset$/.test(step))) {
    const check = 'check warehouse.project, warehouse.dataset and warehouse.location';
    return ['config', `could not ${step}: ${message}; ${check}`];
  }
  return null;
}

function verdict(o: BigqueryOptions, facts: TroubleFacts, step: string): Verdict {
  const known = credentials(o, facts, step) ?? limits(o, facts, step);
  if (known !== null) return known;
  const { status, message } = facts;
  if (isPassing(facts))
    return ['transient', `BigQuery could not ${step}, also after several tries: ${message}; run again`];
  if (status === null && facts.reason === '' && isShort(facts)) {
    const where = o.api_endpoint ?? 'bigquery.googleapis.com';
    return [
      'transient',
      `${where} cannot be reached or does not answer, so that it could not ${step}: ${message}; run again later`,
    ];
  }
  if (isShort(facts))
    return ['transient', `BigQuery could not ${step}: ${message} (${status ?? facts.reason}); run again later`];
  return ['bug', `BigQuery refused to ${step}: ${message}`];
}

/** Whatever was thrown as an error that says who must act. `step` is a verb: `stage batch 7`. */
export function explained(o: BigqueryOptions, error: unknown, step: string): unknown {
  if (error instanceof RollcallError || isAbort(error) || !(error instanceof BigqueryTrouble)) return error;
  const [kind, message] = verdict(o, error.facts, step);
  const { waitMs } = error.facts;
  return new RollcallError(kind, message, {
    step,
    cause: error,
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
  });
}
