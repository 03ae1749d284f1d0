// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are written in this way
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../config/loader.ts';
import { RollcallError } from '../../src/errors.ts';
import { folderWith, load, registries, withConnection } from './config.fixture.ts';

const SMALL = 'warehouse: { type: file, path: w.db }\nconnections: {}\n';

describe('finding the file', () => {
  it('takes rollcall.yaml before config/rollcall.yaml', async () => {
    const cwd = folderWith({ 'rollcall.yaml': SMALL, 'config/rollcall.yaml': SMALL });
    const config = await loadConfig({ cwd, env: {} }, registries);
    expect(config).toMatchObject({ file: join(cwd, 'rollcall.yaml'), folder: cwd });
  });

  it('falls back to config/rollcall.yaml and resolves paths against that folder', async () => {
    const cwd = folderWith({ 'config/rollcall.yaml': SMALL });
    const config = await loadConfig({ cwd, env: {} }, registries);
    expect(config.folder).toBe(join(cwd, 'config'));
    expect(config.warehouse.options).toEqual({ path: join(cwd, 'config/w.db') });
    expect(config.state.dir).toBe(join(cwd, 'config/data/state'));
  });

  it('takes a named file only, relative to the working folder', async () => {
    const cwd = folderWith({ 'rollcall.yaml': 'broken: [', 'other/mine.yaml': SMALL });
    const config = await loadConfig({ cwd, env: {}, file: 'other/mine.yaml' }, registries);
    expect(config.file).toBe(join(cwd, 'other/mine.yaml'));
  });

  it('names both places and the way out when there is no file', async () => {
    const cwd = folderWith({});
    const attempt = loadConfig({ cwd, env: {} }, registries);
    await expect(attempt).rejects.toThrow(/neither rollcall\.yaml nor config\/rollcall\.yaml .*`rollcall init`/);
    await expect(attempt).rejects.toMatchObject({ kind: 'config', step: 'config', retryable: false });
  });

  it('names the file that was asked for when it is not there', async () => {
    const cwd = folderWith({ 'rollcall.yaml': SMALL });
    const attempt = loadConfig({ cwd, env: {}, file: 'no.yaml' }, registries);
    await expect(attempt).rejects.toThrow(`there is no file ${join(cwd, 'no.yaml')}; check --config`);
  });

  it('refuses a folder in the place of the file', async () => {
    const cwd = folderWith({ 'rollcall.yaml/inner': '' });
    await expect(loadConfig({ cwd, env: {} }, registries)).rejects.toThrow(/rollcall\.yaml: it is a folder/);
  });
});

describe('what is read', () => {
  it('fills in every default', async () => {
    const config = await load(withConnection(''));
    expect(config).toMatchObject({
      queue: { url: 'embedded' },
      worker: { concurrency: 4, spread: 0.1, http: { host: '127.0.0.1', port: 9464 } },
      alerts: { stale_after: 3 },
    });
    const support = config.connections.get('support');
    expect(support).toMatchObject({
      name: 'support',
      source: { name: 'people' },
      options: { token: 'token-of-the-tests', region: 'us', retries: 3, archived: false, labels: {} },
      timezone: 'UTC',
      limits: { list: 60, get: 50, search: 20, write: 10 },
      deletes: { mode: 'soft', max_ratio: 0.2, proof: 'lookup', lookups: 200 },
      columns: { exclude: [], hash: [] },
      quarantine: { page_ratio: 0.5, scan_ratio: 0.01, max_record_bytes: 8_388_608 },
    });
    expect(support).not.toHaveProperty('schedule');
    expect(config.alerts).not.toHaveProperty('webhook');
  });

  it('keeps what is set, beside the defaults of the rest', async () => {
    const lines = [
      '    schedule: "30 */15 * * * MON-FRI"',
      '    timezone: Europe/Berlin',
      '    limits: { list: 0, search: 7 }',
      '    deletes: { mode: hard, proof: scans }',
      '    columns: { exclude: [avatar.url], hash: [email], hash_key: "${KEY}" }',
      '    certificate: certs/a.pem',
      '    labels: { team: data }',
      'worker: { http: false }',
      'queue: { url: "rediss://cache:6379/1" }',
    ];
    const config = await load(withConnection(lines.join('\n')), { env: { KEY: 'a-key' } });
    expect(config.worker).toEqual({ concurrency: 4, spread: 0.1, http: false });
    expect(config.queue.url).toBe('rediss://cache:6379/1');
    expect(config.connections.get('support')).toMatchObject({
      schedule: '30 */15 * * * MON-FRI',
      timezone: 'Europe/Berlin',
      limits: { list: 0, get: 50, search: 7, write: 10 },
      deletes: { mode: 'hard', max_ratio: 0.2, proof: 'scans', lookups: 200 },
      columns: { exclude: ['avatar.url'], hash: ['email'], hash_key: 'a-key' },
      options: { certificate: join(config.folder, 'certs/a.pem'), labels: { team: 'data' } },
    });
  });

  it('keeps the connections in the order of the file', async () => {
    const entry = '{ source: people, token: "${TOKEN}" }';
    const config = await load(`${SMALL.replace('{}\n', '')}\n  zoo: ${entry}\n  ant: ${entry}\n  m1_x: ${entry}\n`);
    expect([...config.connections.keys()]).toEqual(['zoo', 'ant', 'm1_x']);
  });

  it('leaves an absolute path as it is', async () => {
    const config = await load(`${SMALL}state: { dir: /var/lib/rollcall }\n`);
    expect(config.state.dir).toBe('/var/lib/rollcall');
  });

  it('takes a section whose lines are all comments for its defaults', async () => {
    const config = await load(withConnection('    deletes:\n      # mode: hard\nalerts:\n#  stale_after: 9'));
    expect(config.alerts.stale_after).toBe(3);
    expect(config.connections.get('support')?.deletes.mode).toBe('soft');
  });

  it('shares settings through anchors and merge keys', async () => {
    const lines = ['    limits: &low { list: 5, get: 5 }', '  staff:', '    source: people', '    token: ${TOKEN}'];
    const config = await load(withConnection([...lines, '    limits: { <<: *low, get: 9 }'].join('\n')));
    expect(config.connections.get('staff')?.limits).toEqual({ list: 5, get: 9, search: 20, write: 10 });
  });
});

describe('the result', () => {
  it('is frozen all the way down', async () => {
    const config = await load(withConnection('    labels: { team: data }'));
    const support = config.connections.get('support');
    const parts = [config, config.worker, config.worker.http, config.secrets, config.connections, support];
    const inner = [support?.options, support?.limits, support?.columns.exclude, config.warehouse.options];
    for (const part of [...parts, ...inner]) expect(Object.isFrozen(part)).toBe(true);
  });

  it('has connections that cannot be added, replaced or removed', async () => {
    const { connections } = await load(withConnection(''));
    if (!(connections instanceof Map)) throw new Error('expected a map');
    expect(() => connections.set('more', {})).toThrow(TypeError);
    expect(() => connections.delete('support')).toThrow(TypeError);
    expect(() => connections.clear()).toThrow(TypeError);
    expect(connections.size).toBe(1);
  });

  it('leaves sources and warehouses to their owners', async () => {
    await load(withConnection(''));
    expect(Object.isFrozen(registries.sources.people)).toBe(false);
    expect(Object.isFrozen(registries.warehouses.file)).toBe(false);
  });
});

describe('.env', () => {
  it('is read from the folder of the file and loses to the real environment', async () => {
    const yaml = withConnection('    region: ${REGION}\n    certificate: ${CERT}');
    const files = { '.env': 'REGION=eu\nTOKEN=from-dot-env\nCERT="with space.pem" # comment\n' };
    const config = await load(yaml, { files, env: { TOKEN: 'from-the-real-one' } });
    expect(config.connections.get('support')?.options).toMatchObject({
      region: 'eu',
      token: 'from-the-real-one',
      certificate: join(config.folder, 'with space.pem'),
    });
  });

  it('does not reach the environment that was passed in', async () => {
    const cwd = folderWith({ 'rollcall.yaml': SMALL, '.env': 'NEW_ONE=1\n' });
    const env = { OLD_ONE: '1' };
    await loadConfig({ cwd, env }, registries);
    expect(env).toEqual({ OLD_ONE: '1' });
    expect(process.env).not.toHaveProperty('NEW_ONE');
  });

  it('that is a folder is an error which names it', async () => {
    const attempt = load(SMALL, { files: { '.env/bin': '' } });
    await expect(attempt).rejects.toThrow(/\.env: it is a folder/);
    await expect(attempt).rejects.toBeInstanceOf(RollcallError);
  });
});
