import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import type { PylonApi } from '../../src/demo/pylon/server.ts';
import type { Peer } from '../peers/snowflake/state.ts';
import { type Home, makeHome } from './cli.ts';
import { LOADER, optionsTo } from './snowflake.ts';

/** A credential as the config names it, and the variables of its secrets. */
export interface Credential {
  readonly lines: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
}

const reference = (name: string): string => `\${${name}}`;

export const PASSWORD: Credential = {
  lines: [`password: ${reference('SNOWFLAKE_PASSWORD')}`],
  variables: { SNOWFLAKE_PASSWORD: LOADER.password },
};

/** A home whose warehouse is an account of the peer's. */
export function snowflakeHome(api: PylonApi, peer: Peer, { lines, variables }: Credential = PASSWORD): Home {
  const home = makeHome(api);
  const options = Object.entries(optionsTo(peer.url)).map(([key, value]) => `${key}: ${value}`);
  const warehouse = ['warehouse:', ...['type: snowflake', ...options, ...lines].map((line) => `  ${line}`)];
  const [, ...rest] = readFileSync(home.config, 'utf8').split('\n');
  writeFileSync(home.config, [...warehouse, ...rest].join('\n'));
  for (const [name, value] of Object.entries(variables)) appendFileSync(`${home.folder}/.env`, `${name}="${value}"\n`);
  return { ...home, rows: (sql) => peer.records(sql) };
}
