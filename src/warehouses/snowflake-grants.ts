import type { Options } from './snowflake-login.ts';
import { quotedName, schemaName } from './snowflake-names.ts';

/** Names that stand in where the config names no Snowflake. */
const EXAMPLE = {
  user: 'ROLLCALL',
  role: 'ROLLCALL',
  warehouse: 'ROLLCALL',
  database: 'ANALYTICS',
  schema: 'ROLLCALL',
};

/** SQL for an admin: a role that can do what Rollcall does and no more, a user with a key pair, an XS warehouse. */
export function grantLines(o: Options | null): readonly string[] {
  const { warehouse, database } = o ?? EXAMPLE;
  const role = quotedName(o?.role ?? EXAMPLE.role);
  const user = quotedName(o?.user ?? EXAMPLE.user);
  const [house, base, schema] = [quotedName(warehouse), quotedName(database), schemaName(o ?? EXAMPLE)];
  return [
    '-- The role: it owns what it makes, and may do nothing else.',
    'USE ROLE USERADMIN;',
    `CREATE ROLE IF NOT EXISTS ${role};`,
    '-- The user: a service logs in with a key pair, not with a password.',
    '--   openssl genrsa 2048 | openssl pkcs8 -topk8 -inform PEM -out rollcall.p8',
    '--   openssl rsa -in rollcall.p8 -pubout    (its lines between BEGIN and END go below)',
    `CREATE USER IF NOT EXISTS ${user} TYPE = SERVICE DEFAULT_ROLE = ${role} DEFAULT_WAREHOUSE = ${house} RSA_PUBLIC_KEY = '<public key>';`,
    `GRANT ROLE ${role} TO USER ${user};`,
    '-- The virtual warehouse: the smallest, asleep a minute after its last statement.',
    'USE ROLE SYSADMIN;',
    `CREATE WAREHOUSE IF NOT EXISTS ${house} WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60 AUTO_RESUME = TRUE INITIALLY_SUSPENDED = TRUE;`,
    `GRANT USAGE ON WAREHOUSE ${house} TO ROLE ${role};`,
    '-- The schema, which the role owns nothing of but its own tables.',
    `CREATE DATABASE IF NOT EXISTS ${base};`,
    `CREATE SCHEMA IF NOT EXISTS ${schema};`,
    `GRANT USAGE ON DATABASE ${base} TO ROLE ${role};`,
    `GRANT USAGE, CREATE TABLE, CREATE VIEW ON SCHEMA ${schema} TO ROLE ${role};`,
    '-- Who reads the tables gets them in the same way, for example:',
    `--   GRANT USAGE ON DATABASE ${base} TO ROLE <reader>; GRANT USAGE ON SCHEMA ${schema} TO ROLE <reader>;`,
    `--   GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ROLE <reader>; GRANT SELECT ON ALL VIEWS IN SCHEMA ${schema} TO ROLE <reader>;`,
  ];
}
