// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are written in this way
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { loadConfig } from '../../config/loader.ts';
import type { Config, Registries } from '../../config/types.ts';
import type { Source } from '../../src/contract/source.ts';
import type { Warehouse } from '../../src/contract/warehouse.ts';
import { RollcallError } from '../../src/errors.ts';
import { duckdbDialect } from '../../src/warehouses/duckdb-dialect.ts';

function unused(): never {
  throw new Error('the configuration only reads what a source says of itself');
}

const people: Source = {
  name: 'people',
  version: 1,
  // Not strict, on purpose: unknown keys are refused all the same.
  options: z.object({
    token: z.string().min(8).meta({ secret: true }).describe('Token of the account'),
    region: z.enum(['us', 'eu']).default('us'),
    base_url: z.url().optional(),
    login: z.object({ password: z.string().meta({ secret: true }).optional(), user: z.string() }).optional(),
    certificate: z.string().optional().meta({ path: true }),
    retries: z.int().min(0).default(3),
    archived: z.boolean().default(false),
    labels: z.record(z.string(), z.string()).default({}),
  }),
  limits: { list: 60, get: 50, search: 20, write: 10 },
  fields: [],
  id: 'profile.id',
  exclude: [],
  volatile: [],
  impliesActive: true,
  unsignedCut: false,
  api: unused,
  reader: unused,
  user: unused,
  referred: unused,
};

const keyed = z
  .strictObject({
    account: z.string(),
    password: z.string().meta({ secret: true }).optional(),
    key: z.string().meta({ secret: true }).optional(),
  })
  .superRefine((options, context) => {
    if (options.password !== undefined && options.account.includes(options.password)) {
      context.addIssue({ code: 'custom', message: `${options.password} is part of the account` });
    }
    if (options.password !== undefined || options.key !== undefined) return;
    context.addIssue({ code: 'custom', message: 'needs a password or a key' });
  });

const warehouse = (name: string, options: z.ZodType): Warehouse => ({
  name,
  options,
  dialect: () => duckdbDialect,
  freeWrites: true,
  insertsConflict: true,
  open: unused,
});

/** Small registries: one source with every kind of option, a warehouse with a path, one that needs one of two keys. */
export const registries: Registries = {
  sources: { people },
  warehouses: {
    file: warehouse('file', z.strictObject({ path: z.string().meta({ path: true }) })),
    cloud: warehouse('cloud', keyed),
  },
};

/** A new folder with these files, removed after the test. */
export function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-config-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return folder;
}

const TOKEN = 'token-of-the-tests';

/** A whole file around the settings of one connection, indented by four spaces. */
export function withConnection(settings: string): string {
  const lines = ['warehouse: { type: file, path: w.db }', 'connections:', '  support:', '    source: people'];
  return [...lines, '    token: ${TOKEN}', settings, ''].join('\n');
}

/** Loads a configuration from a folder of its own. */
export function load(
  yaml: string,
  { env = {}, files = {} }: { env?: Record<string, string>; files?: Record<string, string> } = {},
): Promise<Config> {
  const cwd = folderWith({ 'rollcall.yaml': yaml, ...files });
  return loadConfig({ cwd, env: { TOKEN, ...env } }, registries);
}

/** The lines of the refusal, without the file they are about. */
export async function problemsOf(...given: Parameters<typeof load>): Promise<string[]> {
  const error: unknown = await load(...given).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof RollcallError) || error.kind !== 'config')
    throw new Error('expected a refusal', { cause: error });
  const [first = '', ...others] = error.message.split('\n');
  return others.length > 0 ? others.map((line) => line.trim()) : [first.replace(/^.*?rollcall\.yaml: /, '')];
}
