/**
 * A name as Snowflake keeps it. As in SQL, a plain name is folded to upper case and one in double quotes stays as it is.
 * What is no plain name (`my-database`) can only have been made with quotes, so that it stays as it is, too.
 */
export function keptName(given: string): string {
  const quoted = /^"(.*)"$/s.exec(given)?.[1];
  if (quoted !== undefined) return quoted.replaceAll('""', '"');
  return /^[A-Za-z_][A-Za-z0-9_$]*$/.test(given) ? given.toUpperCase() : given;
}

/** A name as it stands in a statement. */
export const quotedName = (given: string): string => `"${keptName(given).replaceAll('"', '""')}"`;

/** Where the tables are. */
export interface Place {
  readonly database: string;
  readonly schema: string;
}

/** The schema as it stands in a statement. */
export const schemaName = ({ database, schema }: Place): string => `${quotedName(database)}.${quotedName(schema)}`;
