import { existsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/**
 * The engine's tests that run over the cloud warehouses too, with a peer for the service: histories, and what depends on
 * how a warehouse commits, counts and reads back. What the engine does alike for all is asked of DuckDB only, as the
 * contract suite asks every warehouse for each statement.
 */
const ON_PEERS: Readonly<Record<string, string>> = {
  bigquery: 'test/integration/{promise-{2,3,4,6,7},model}-*.test.ts',
  snowflake: 'test/integration/{promise-{2,4,6,7},model}-*.test.ts',
};

/** Tests that need more than npm packages of this checkout have a mode, and a script, of their own. */
const MODES: Readonly<Record<string, string>> = {
  services: 'test/services/**/*.test.ts',
  googlesql: 'test/peers/googlesql/*.test.ts',
  smoke: 'test/smoke/*.test.ts',
};

const EVERYTHING = { test: { name: 'all', include: ['test/{unit,contract,integration}/**/*.test.ts'] } };
const PEERS = Object.entries(ON_PEERS).map(([name, tests]) => ({
  test: { name, include: [tests], env: { ROLLCALL_TEST_WAREHOUSE: name } },
}));

/** `npm test` needs nothing but npm packages; tests on real servers run as `npm run test:services` (mode `services`). */
export default defineConfig(({ mode }) => {
  const own = MODES[mode];
  return {
    // As the program's own hook has it for the file of a source.
    resolve: { alias: { 'rollcall/source': new URL('src/sources/own.ts', import.meta.url).pathname } },
    test: {
      ...(own === undefined
        ? { projects: [EVERYTHING, ...PEERS].map((project) => ({ extends: true as const, ...project })) }
        : { include: [own] }),
      // A folder without a test is a mistake; no folder means that nothing needs a server yet.
      passWithNoTests: mode === 'services' && !existsSync(new URL('test/services', import.meta.url)),
      globals: false,
      // Native modules are loaded once a process: threads of one process would share their state.
      pool: 'forks',
      // Tests that start programs wait for them most of the time.
      maxWorkers: 3,
      testTimeout: own === undefined ? 30_000 : 120_000,
      hookTimeout: own === undefined ? 30_000 : 120_000,
      allowOnly: false,
      restoreMocks: true,
      unstubEnvs: true,
      unstubGlobals: true,
    },
  };
});
