/** The chaos test of the Redis deployment at 300 rounds: no figure, a proof that takes longer than a test run may. */
import { runChaos } from './support/chaos.js';

runChaos('test/redis-chaos.test.ts');
