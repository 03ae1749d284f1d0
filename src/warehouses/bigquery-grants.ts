import { readFileSync } from 'node:fs';
import type { BigqueryOptions } from './bigquery-options.ts';

/** What stands in for an account that nothing names. */
const UNKNOWN = 'SERVICE_ACCOUNT';

/** Who the key file is of; words to replace where there is none, or where it does not say. */
function memberOf(project: string, file: string | undefined): string {
  const unknown = `serviceAccount:${UNKNOWN}@${project}.iam.gserviceaccount.com`;
  if (file === undefined) return unknown;
  try {
    const key: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const known =
      typeof key === 'object' && key !== null && 'client_email' in key && typeof key.client_email === 'string';
    return known ? `serviceAccount:${String(key.client_email)}` : unknown;
  } catch {
    // An admin need not have the file; the words to replace say what belongs there.
    return unknown;
  }
}

/** What an admin runs so that Rollcall may do what it does, and no more. */
export function grantLines(o: BigqueryOptions | null): readonly string[] {
  const project = o?.project ?? 'PROJECT';
  const dataset = o?.dataset ?? 'DATASET';
  // A config that names no place means where the dataset is; the commands find that out by themselves.
  const place = o !== null && o.location === undefined ? '' : ` --location=${o?.location ?? 'LOCATION'}`;
  const member = memberOf(project, o?.credentials_file);
  const datasets = [...new Set([dataset, o?.staging_dataset ?? dataset])];
  return [
    `# Rollcall runs as ${member} and needs two roles. Run this as an owner of project ${project}.`,
    ...(member.includes(UNKNOWN) ? [`# Put the account that Rollcall runs as in place of ${UNKNOWN}.`] : []),
    '# Run jobs, which the project pays for:',
    `gcloud projects add-iam-policy-binding ${project} --member='${member}' --role=roles/bigquery.jobUser --condition=None`,
    ...datasets.flatMap((name) => [
      `# Make, fill and read the tables of ${name}, and nothing outside of it:`,
      `bq --project_id=${project}${place} mk --force --dataset ${project}:${name}`,
      `bq --project_id=${project}${place} query --use_legacy_sql=false ` +
        `'GRANT \`roles/bigquery.dataEditor\` ON SCHEMA \`${project}.${name}\` TO "${member}"'`,
    ]),
    '# People who only query: roles/bigquery.jobUser on the project and roles/bigquery.dataViewer on the dataset.',
  ];
}
