import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Ended,
  emptyFolder,
  type Row,
  type Running,
  rowsOf,
  type StartOptions,
  type Synced,
  startCli,
  synced,
} from './cli.ts';

/** Settings of one connection, written as they would stand in the file. Secrets are references to `secrets`. */
export type Connected = Readonly<Record<string, string>>;

/** A folder with a configuration of some connections to an embedded warehouse. It is removed after the test. */
export interface Place {
  readonly folder: string;
  run(args: readonly string[], options?: StartOptions): Promise<Ended>;
  start(args: readonly string[], options?: StartOptions): Running;
  /** One sync of one connection: its exit code and what it printed. */
  sync(connection: string, ...options: readonly string[]): Promise<Synced>;
  rows(sql: string): Promise<Row[]>;
  /** Writes the configuration anew. */
  connect(connections: Readonly<Record<string, Connected>>, secrets?: Readonly<Record<string, string>>): void;
}

function configText(connections: Readonly<Record<string, Connected>>): string {
  const lines = Object.entries(connections).flatMap(([name, settings]) => [
    `  ${name}:`,
    ...Object.entries(settings).map(([key, value]) => `    ${key}: ${value}`),
  ]);
  return [
    'warehouse: { type: duckdb, path: ./warehouse.duckdb }',
    'state: { dir: ./state }',
    'connections:',
    ...lines,
    '',
  ].join('\n');
}

/** Makes a place with these connections; `secrets` are the variables of its `.env`. */
export function makePlace(
  connections: Readonly<Record<string, Connected>>,
  secrets: Readonly<Record<string, string>> = {},
): Place {
  const folder = emptyFolder();
  const start = (args: readonly string[], options?: StartOptions): Running => startCli(folder, args, options);
  const run = (args: readonly string[], options?: StartOptions): Promise<Ended> => start(args, options).ended;
  const connect: Place['connect'] = (named, variables = {}) => {
    writeFileSync(join(folder, 'rollcall.yaml'), configText(named));
    const env = Object.entries({ ...secrets, ...variables }).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(join(folder, '.env'), env.join(''));
  };
  connect(connections);
  return {
    folder,
    start,
    run,
    connect,
    sync: async (connection, ...options) => synced(await run(['sync', connection, '--json', ...options])),
    rows: (sql) => rowsOf(join(folder, 'warehouse.duckdb'), sql),
  };
}
