// Seeded histories against a model; a failing seed is run again alone by ROLLCALL_MODEL_SEED=<seed> vitest run test/integration/model-lookups.test.ts
import { modelTests } from '../support/model-tests.ts';

modelTests({ mode: 'soft', proof: 'lookup', first: 1, count: 60 });
