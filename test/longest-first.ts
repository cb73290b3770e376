import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * What takes longest of all, the longest first, as HRM_TEST_CPU tells it. Begun last, it would leave the other cores without work for
 * minutes.
 */
const LONGEST = [
  'packages/hrm-core/test/property/foreign-fuzz.test.ts',
  'packages/hrm-core/test/property/histories/share-1.test.ts',
  'packages/hrm-core/test/property/histories/share-2.test.ts',
  'packages/hrm-core/test/property/histories/share-3.test.ts',
  'packages/hrm-core/test/property/histories/share-4.test.ts',
  'packages/hrm-core/test/flow/port-faults.test.ts',
  'test/redis-chaos.test.ts',
  'test/aws-chaos.test.ts',
  'packages/hrm-core/test/flow/unstorable.test.ts',
  'packages/hrm-core/test/flow/pause-anywhere.test.ts',
  'test/real-data.test.ts',
  'packages/hrm-core/test/flow/large-foreign-files.test.ts',
  'test/packages.test.ts',
  'packages/hrm-core/test/linear/parsers.test.ts',
  'test/redis-outage.test.ts',
  'packages/hrm-core/test/flow/concurrency.test.ts',
  'packages/hrm-core/test/contract/queue-redis.test.ts',
  'packages/hrm-core/test/contract/queue-redis-servers.test.ts',
].map((file) => fileURLToPath(new URL(`../${file}`, import.meta.url)));

/**
 * Begins with the longest files. The others follow as vitest has them, but those that share processes last, each project's in a row: a
 * process goes on with the next file only where that is of the same project.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const gone = LONGEST.filter((file) => !existsSync(file));
    if (gone.length > 0) throw new Error(`test/longest-first.ts names what is not there: ${gone.join(', ')}`);
    const placeOf = ({ moduleId }: TestSpecification) => {
      const place = LONGEST.indexOf(moduleId);
      return place === -1 ? LONGEST.length : place;
    };
    const rowOf = ({ project: { name, config } }: TestSpecification) => (config.isolate ? '' : name);
    const byRow = (a: TestSpecification, b: TestSpecification) =>
      rowOf(a) < rowOf(b) ? -1 : Number(rowOf(a) > rowOf(b));
    return (await super.sort(files)).sort((a, b) => placeOf(a) - placeOf(b) || byRow(a, b));
  }
}
