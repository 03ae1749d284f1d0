import type { Command } from 'commander';
import type { Warehouse } from '../../contract/warehouse.ts';
import { RollcallError } from '../../errors.ts';
import { warehouses } from '../../warehouses/registry.ts';
import { type Globals, globalsOf } from '../globals.ts';
import { print } from '../print.ts';
import { configOf } from '../workplace.ts';

/** The options of this warehouse where the config names it. An admin may have no config, or not its secrets. */
async function configured(warehouse: Warehouse, { config: file, quiet }: Globals): Promise<unknown> {
  try {
    const { warehouse: found } = await configOf(file);
    if (found.warehouse.name === warehouse.name) return found.options;
  } catch (error) {
    if (file !== undefined || !(error instanceof RollcallError)) throw error;
    if (!quiet)
      process.stderr.write(`Replace the words in capitals; there is no usable config here:\n${error.message}\n`);
  }
  return null;
}

/** `rollcall grants <warehouse>`: what an admin runs to give Rollcall what it needs and no more. */
export async function grants(name: string, _options: object, command: Command): Promise<number> {
  const globals = globalsOf(command);
  const warehouse = warehouses[name];
  if (warehouse?.grants === undefined) {
    const those = Object.values(warehouses).filter((one) => one.grants !== undefined);
    const known = those.map((one) => one.name).join(', ');
    const why = warehouse === undefined ? `no warehouse is called ${name}` : `${name} needs no grants`;
    throw new RollcallError('config', `${why}; there are grants for ${known}`, { step: 'grants' });
  }
  const lines = warehouse.grants(await configured(warehouse, globals));
  if (globals.json) print(JSON.stringify(lines));
  else for (const line of lines) print(line);
  return 0;
}
