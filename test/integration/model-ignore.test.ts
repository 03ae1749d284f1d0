// Seeded histories against a model; a failing seed is run again alone by ROLLCALL_MODEL_SEED=<seed> vitest run test/integration/model-ignore.test.ts
import { modelTests } from '../support/model-tests.ts';

modelTests({ mode: 'ignore', first: 301, count: 40 });
