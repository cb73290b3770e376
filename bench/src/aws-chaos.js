/** The chaos test of the deployment on S3 and SQS at 300 rounds: no figure, a proof that takes longer than a test run may. */
import { runChaos } from './support/chaos.js';

runChaos('test/aws-chaos.test.ts');
