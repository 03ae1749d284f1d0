// Seeded histories against a model; a failing seed is run again alone by ROLLCALL_MODEL_SEED=<seed> vitest run test/integration/model-scans.test.ts
import { modelTests } from '../support/model-tests.ts';

modelTests({ mode: 'soft', proof: 'scans', first: 101, count: 50 });
