import { dirname } from 'node:path';
import type { RollcallError } from '../src/errors.ts';
import { sources } from '../src/sources/registry.ts';
import { warehouses } from '../src/warehouses/registry.ts';
import { check } from './checker.ts';
import { choose } from './choice.ts';
import { readConnections } from './connection.ts';
import { find, refused, variables } from './files.ts';
import { freezeDeep, freezeMap } from './freeze.ts';
import { type Inspection, isMapping, placeOf, report } from './inspection.ts';
import { generalSettings } from './schema.ts';
import type { Config, LoadRequest, Registries } from './types.ts';
import { parseYaml } from './yaml.ts';

function refusal(file: string, lines: readonly string[]): RollcallError {
  const [first, ...others] = lines;
  if (others.length === 0) return refused(`${file}: ${first}`);
  return refused(`${file} has ${lines.length} problems:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}

/** One line for each problem. Secrets are taken out of the words that sources and warehouses chose. */
function lines(inspection: Inspection): string[] {
  const secrets = [...inspection.secrets].filter((secret) => secret.length > 3);
  return inspection.problems.map(({ path, message }) => {
    const clean = secrets.reduce((text, secret) => text.replaceAll(secret, '[secret]'), message);
    return `${placeOf(path)}: ${clean.replaceAll(/\s+/g, ' ')}`;
  });
}

/** Reads the sections of the file. Undefined, or incomplete, when there are problems. */
function inspect(
  inspection: Inspection,
  value: unknown,
  registries: Registries,
): Omit<Config, 'file' | 'folder' | 'secrets'> | undefined {
  if (!isMapping(value)) {
    const message = 'must be a mapping with warehouse and connections; `rollcall init` writes an example';
    report(inspection, [], message);
    return undefined;
  }
  const { warehouse: stored, connections: connected, ...rest } = value;
  const choice = choose(inspection, registries.warehouses, { value: stored, path: ['warehouse'], key: 'type' });
  const warehouse = choice?.chosen;
  const options =
    warehouse === undefined
      ? undefined
      : check(inspection, warehouse.options, { value: choice?.rest, path: ['warehouse'], neighbours: ['type'] });
  const general = check(inspection, generalSettings, {
    value: rest,
    path: [],
    neighbours: ['warehouse', 'connections'],
  });
  const connections = readConnections(inspection, registries.sources, connected);
  if (warehouse === undefined || options === undefined || general === undefined) return undefined;
  const stores = Object.freeze({ warehouse, options: freezeDeep(options), dialect: warehouse.dialect(options) });
  return { ...freezeDeep(general), warehouse: stores, connections: freezeMap(connections) };
}

/**
 * Finds, reads and checks the configuration. Throws one RollcallError of kind `config` that names every problem, one a
 * line, with its path. The result is frozen.
 */
export async function loadConfig(
  request: LoadRequest,
  registries: Registries = { sources, warehouses },
): Promise<Config> {
  const { file, text } = await find(request);
  const folder = dirname(file);
  const parsed = parseYaml(text);
  if ('faults' in parsed) throw refusal(file, parsed.faults);
  const around = { folder, variables: await variables(folder, request.env) };
  const inspection: Inspection = { around, problems: [], secrets: new Set(), explained: [] };
  const parts = inspect(inspection, parsed.value, registries);
  if (parts === undefined || inspection.problems.length > 0) throw refusal(file, lines(inspection));
  const secrets = [...inspection.secrets].sort((a, b) => b.length - a.length);
  return Object.freeze({ ...parts, file, folder, secrets: Object.freeze(secrets) });
}
