// Seeded histories against a model; a failing seed is run again alone by ROLLCALL_MODEL_SEED=<seed> vitest run test/integration/model-hard.test.ts
import { modelTests } from '../support/model-tests.ts';

modelTests({ mode: 'hard', first: 201, count: 50 });
