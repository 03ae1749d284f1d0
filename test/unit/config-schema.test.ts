// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are written in this way
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { isMapping } from '../../config/inspection.ts';
import { jsonSchema, jsonSchemaText } from '../../config/json-schema.ts';
import { loadConfig } from '../../config/loader.ts';
import { sources } from '../../src/sources/registry.ts';
import { warehouses } from '../../src/warehouses/registry.ts';
import { folderWith, registries } from './config.fixture.ts';

const folder = fileURLToPath(new URL('../../config/', import.meta.url));
const example = readFileSync(`${folder}rollcall.example.yaml`, 'utf8');
const env = { PYLON_TOKEN: 'test-token', HASH_KEY: 'test-key', ALERT_WEBHOOK: 'https://hooks.example/a' };

/** The example with its commented settings in effect. */
const complete = example
  .replaceAll(/^( *)# ( *[a-z_]+:(?: .*)?)$/gm, '$1$2')
  .replace('https://…', 'https://pylon.example');

/** What lies at a path of mappings and lists; undefined where there is nothing. */
function at(value: unknown, ...path: (string | number)[]): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (Array.isArray(value)) return at(value[Number(key)], ...rest);
  return isMapping(value) ? at(value[key], ...rest) : undefined;
}

function keys(value: unknown): string[] {
  return isMapping(value) ? Object.keys(value).sort() : [];
}

describe('the example', () => {
  it('loads with nothing set but its token', async () => {
    const request = { cwd: folder, file: 'rollcall.example.yaml', env: { PYLON_TOKEN: env.PYLON_TOKEN } };
    const config = await loadConfig(request);
    expect(config.warehouse.warehouse.name).toBe('duckdb');
    expect(config.connections.get('support')?.options).toMatchObject({ token: 'test-token', region: 'us' });
  });

  it('shows the defaults in its comments', async () => {
    const cwd = folderWith({ 'rollcall.yaml': complete, 'config/rollcall.yaml': example });
    const shown = await loadConfig({ cwd, env });
    const defaults = await loadConfig({ cwd, env, file: 'config/rollcall.yaml' });
    for (const section of ['queue', 'worker', 'alerts'] as const) {
      expect(shown[section]).toMatchObject(defaults[section]);
    }
    const [ours, theirs] = [shown, defaults].map((config) => config.connections.get('support'));
    for (const section of ['timezone', 'limits', 'deletes', 'quarantine'] as const) {
      expect(ours?.[section], section).toEqual(theirs?.[section]);
    }
    expect(ours?.options).toMatchObject({ ...Object(theirs?.options) });
  });

  it('leaves out no setting', () => {
    const shown: unknown = parse(complete);
    const schema = jsonSchema({ sources, warehouses });
    for (const section of ['state', 'queue', 'worker', 'alerts']) {
      expect(keys(at(shown, section)), section).toEqual(keys(at(schema, 'properties', section, 'properties')));
    }
    const pylon = at(schema, 'properties', 'connections', 'additionalProperties', 'oneOf', 0, 'properties');
    expect(keys(at(shown, 'connections', 'support'))).toEqual(keys(pylon));
    for (const section of ['limits', 'deletes', 'columns', 'quarantine']) {
      expect(keys(at(shown, 'connections', 'support', section)), section).toEqual(
        keys(at(pylon, section, 'properties')),
      );
    }
    const duckdb = at(schema, 'properties', 'warehouse', 'oneOf', 0, 'properties');
    expect(keys(at(shown, 'warehouse'))).toEqual(keys(duckdb));
  });

  it.each([['bigquery', ['credentials_file']]])('shows every setting of %s beside it', async (name, instead) => {
    const blocks = example.matchAll(/(?:^#> .*\n)+/gm);
    const texts = [...blocks].map(([block]) => block.replaceAll(/^#> /gm, ''));
    const text = texts.find((block) => block.includes(`type: ${name}\n`)) ?? '';
    const schema = jsonSchema({ sources, warehouses });
    const variants = at(schema, 'properties', 'warehouse', 'oneOf');
    const variant = Array.isArray(variants) ? variants.find((one) => at(one, 'title') === name) : undefined;
    expect(keys(at(parse(text), 'warehouse'))).toEqual(keys(at(variant, 'properties')));
    // Of settings that exclude each other one is left out.
    const lines = text.split('\n').filter((line) => !instead.some((setting) => line.includes(` ${setting}:`)));
    const cwd = folderWith({ 'rollcall.yaml': `${lines.join('\n')}\nconnections: {}\n` });
    const config = await loadConfig({ cwd, env: { ...env, BIGQUERY_TOKEN: 'test-token' } });
    expect(config.warehouse.warehouse.name).toBe(name);
  });

  it('names the schema that lies beside it', () => {
    expect(example.split('\n')[0]).toBe('# yaml-language-server: $schema=./rollcall.schema.json');
  });
});

describe('the JSON Schema', () => {
  it('is the one that scripts/write-schema.ts writes', () => {
    expect(readFileSync(`${folder}rollcall.schema.json`, 'utf8')).toBe(jsonSchemaText({ sources, warehouses }));
  });

  const schema = jsonSchema(registries);
  const accepts = (value: unknown): boolean => z.fromJSONSchema(schema).safeParse(value).success;
  const connection = { source: 'people', token: '${TOKEN}' };
  const config = { warehouse: { type: 'file', path: 'w.db' }, connections: { support: connection } };

  it('has a variant for each source and each warehouse', () => {
    expect(at(schema, 'properties', 'warehouse', 'oneOf', 1, 'properties', 'type')).toEqual({ const: 'cloud' });
    const people = at(schema, 'properties', 'connections', 'additionalProperties', 'oneOf', 0);
    expect(at(people, 'properties', 'source')).toEqual({ const: 'people' });
    expect(at(people, 'properties', 'limits', 'properties', 'get', 'default')).toBe(50);
    expect(at(people, 'properties', 'token', 'description')).toBe(
      'Token of the account (a secret: ${NAME} or ${file:path})',
    );
    expect(at(people, 'required')).toEqual(['source', 'token']);
  });

  it('accepts the example as it stands and with everything in effect', () => {
    const whole = z.fromJSONSchema(jsonSchema({ sources, warehouses }));
    expect(whole.safeParse(parse(example)).error).toBeUndefined();
    expect(whole.safeParse(parse(complete)).error).toBeUndefined();
  });

  it('accepts references where numbers, switches and choices belong', () => {
    expect(accepts({ ...config, worker: { http: { port: '${PORT}' } } })).toBe(true);
    expect(accepts({ ...config, connections: { support: { ...connection, region: '${REGION}' } } })).toBe(true);
  });

  it.each([
    ['a literal secret', { ...connection, token: 'hunter2-hunter2' }],
    ['an unknown key', { ...connection, tokn: 'x' }],
    ['an unknown key further down', { ...connection, login: { user: 'u', nick: 'n' } }],
    ['an unknown source', { ...connection, source: 'peple' }],
    ['a value of the wrong type', { ...connection, limits: { list: 'many' } }],
    ['a missing secret', { source: 'people' }],
  ])('refuses %s', (_, support) => {
    expect(accepts(config)).toBe(true);
    expect(accepts({ ...config, connections: { support } })).toBe(false);
  });

  it('shows nothing of the marks that are meant for the loader', () => {
    expect(JSON.stringify(schema)).not.toMatch(/"(secret|redact|path)":(true|false)/);
  });
});
