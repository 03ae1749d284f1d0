import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import type { ColumnType } from '../../../src/contract/dialect.ts';
import type { Param } from '../../../src/contract/warehouse.ts';
import { STAGING_COLUMNS, TABLES } from '../../../src/sql/tables.ts';

/** A type as the analyzer names it. */
interface TypeProto {
  readonly typeKind: string;
}

/** What is used of the analyzer's client; the package is installed apart from the checkout's own. */
interface Client {
  testConnection(): Promise<boolean>;
  analyze(request: object): Promise<unknown>;
  getLanguageOptions(request: object): Promise<{ readonly enabledLanguageFeatures: readonly unknown[] }>;
}

interface Package {
  readonly ZetaSQLClient: { init(port: number): void; getInstance(): Client };
}

/** Google's own analyzer of GoogleSQL, with the tables of one dataset in its catalogue. */
export interface Analyzer {
  /** What is wrong with a statement, in the analyzer's words; null where nothing is. */
  problem(sql: string, params?: readonly Param[]): Promise<string | null>;
  stop(): Promise<void>;
}

const KINDS: Readonly<Record<ColumnType, string>> = {
  text: 'TYPE_STRING',
  json: 'TYPE_JSON',
  boolean: 'TYPE_BOOL',
  integer: 'TYPE_INT64',
  timestamp: 'TYPE_TIMESTAMP',
};

const column = (name: string, typeKind: string) => ({ name, type: { typeKind }, isWritableColumn: true });

/** The tables of a dataset; those of staging as they are named in it. */
function catalogue(dataset: string, staging: readonly string[], languageOptions: object): object {
  const ours = TABLES.map(({ name, columns }) => ({
    name: `${dataset}.${name}`,
    column: columns.map((one) => column(one.name, KINDS[one.type])),
  }));
  const staged = staging.map((name) => ({ name, column: STAGING_COLUMNS.map((one) => column(one, KINDS.text)) }));
  const plain = TABLES.map(({ name, columns }) => ({
    name,
    column: columns.map((one) => column(one.name, KINDS[one.type])),
  }));
  // Views, as people name them in queries of their own.
  const users = plain.find(({ name }) => name === 'users')?.column ?? [];
  const people = [
    column('email', KINDS.text),
    column('name', KINDS.text),
    column('accounts', KINDS.json),
    column('account_count', KINDS.integer),
  ];
  const views = [
    { name: 'current_users', column: users },
    { name: 'people', column: people },
  ];
  const table = [...ours, ...staged, ...plain, ...views].map((one, i) => ({ ...one, serializationId: i + 1 }));
  return { name: 'catalogue', table, builtinFunctionOptions: { languageOptions } };
}

function typeOf(param: Param): TypeProto {
  if (typeof param === 'boolean') return { typeKind: KINDS.boolean };
  return { typeKind: typeof param === 'number' ? KINDS.integer : KINDS.text };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('there is no free port');
  return address.port;
}

/** The analyzer is a program of its own, which the package brings for each platform. */
function startServer(folder: string, port: number): ChildProcess {
  const arm = process.arch.startsWith('arm') ? '_arm' : '';
  const file = `remote_server${arm}${process.platform === 'darwin' ? '' : '.so'}`;
  return spawn(join(folder, 'zetasql', file), ['localhost', String(port)], { stdio: 'ignore' });
}

const words = (error: unknown): string => {
  const { details } = typeof error === 'object' && error !== null && 'details' in error ? error : { details: null };
  return String(details ?? error);
};

/** Starts the analyzer. `staging` are the full names of staging tables. */
export async function startAnalyzer(dataset: string, staging: readonly string[]): Promise<Analyzer> {
  const require = createRequire(import.meta.url);
  // Not installed with the checkout, so that its types are not there: what is used of it is described above.
  const { ZetaSQLClient } = require('@fivetrandevelopers/zetasql') as Package;
  const port = await freePort();
  const server = startServer(dirname(require.resolve('@fivetrandevelopers/zetasql')), port);
  const ended = new Promise((resolve) => server.once('close', resolve));
  ZetaSQLClient.init(port);
  const client = ZetaSQLClient.getInstance();
  if (!(await client.testConnection())) throw new Error('the GoogleSQL analyzer does not start');
  const { enabledLanguageFeatures } = await client.getLanguageOptions({ maximumFeatures: true });
  const languageOptions = {
    enabledLanguageFeatures,
    productMode: 'PRODUCT_EXTERNAL',
    supportedStatementKinds: [],
    reservedKeywords: ['QUALIFY'],
  };
  const simpleCatalog = catalogue(dataset, staging, languageOptions);
  return {
    problem: async (sql, params = []) => {
      const options = {
        languageOptions,
        parameterMode: 'PARAMETER_POSITIONAL',
        positionalQueryParameters: params.map(typeOf),
        errorMessageMode: 'ERROR_MESSAGE_ONE_LINE',
        systemVariables: [{ namePath: ['row_count'], type: { typeKind: KINDS.integer } }],
      };
      try {
        await client.analyze({ sqlStatement: sql, target: 'sqlStatement', simpleCatalog, options });
        return null;
      } catch (error) {
        return words(error);
      }
    },
    stop: async () => {
      server.kill('SIGKILL');
      await ended;
    },
  };
}
