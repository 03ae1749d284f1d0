import type { Warehouse } from '../contract/warehouse.ts';
import { bigquery } from './bigquery.ts';
import { duckdb } from './duckdb.ts';

/** Every warehouse that the config may name. Adding one is a file beside this one and a line here. */
export const warehouses: Readonly<Record<string, Warehouse>> = { duckdb, bigquery };
