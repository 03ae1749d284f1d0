import { existsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** `npm test` needs nothing but npm packages; tests on real servers run as `npm run test:services` (mode `services`). */
export default defineConfig(({ mode }) => {
  const services = mode === 'services';
  return {
    // As the program's own hook has it for the file of a source.
    resolve: { alias: { 'rollcall/source': new URL('src/sources/own.ts', import.meta.url).pathname } },
    test: {
      include: [services ? 'test/services/**/*.test.ts' : 'test/{unit,contract,integration}/**/*.test.ts'],
      // A folder without a test is a mistake; no folder means that nothing needs a server yet.
      passWithNoTests: services && !existsSync(new URL('test/services', import.meta.url)),
      globals: false,
      // Native modules are loaded once a process: threads of one process would share their state.
      pool: 'forks',
      testTimeout: services ? 120_000 : 30_000,
      hookTimeout: services ? 120_000 : 30_000,
      allowOnly: false,
      restoreMocks: true,
      unstubEnvs: true,
      unstubGlobals: true,
    },
  };
});
