import { writeFileSync } from 'node:fs';
import { jsonSchemaText } from '../config/json-schema.ts';
import { sources } from '../src/sources/registry.ts';
import { warehouses } from '../src/warehouses/registry.ts';

/** Writes config/rollcall.schema.json anew; run it after every change of a setting. */
writeFileSync(new URL('../config/rollcall.schema.json', import.meta.url), jsonSchemaText({ sources, warehouses }));
