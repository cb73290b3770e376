/** A test file that leaves its process other than it was shares it with no other. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OWN_PROCESS } from './own-process.js';

const PACKAGES = join(import.meta.dirname, '../packages');

/** What a file changes, or measures, that is the whole process's. */
const OF_THE_PROCESS =
  /\bvi\.(?:mock|spyOn|stubEnv|stubGlobal|useFakeTimers)\b|\bprocess\.(?:on|once|umask|chdir|cpuUsage|exitCode)\b|\bprocess\.memoryUsage\b|delete process\.env|\bprocess\.env\.\w+ = |\/proc\/self|monitorEventLoopDelay|support\/(?:bundle|compacter)\.js/;

function testFiles(name: string): string[] {
  const files = readdirSync(join(PACKAGES, name, 'test'), { recursive: true, encoding: 'utf8' });
  return files.filter((file) => file.endsWith('.test.ts'));
}

describe.each(Object.entries(OWN_PROCESS))('the test files of %s', (name, alone) => {
  const files = testFiles(name);

  it('have a process of their own where they change it, or measure it', () => {
    const others = files.filter((file) => !alone.some((beginning) => file.startsWith(beginning)));
    const changing = others.filter((file) =>
      OF_THE_PROCESS.test(readFileSync(join(PACKAGES, name, 'test', file), 'utf8')),
    );
    expect(changing).toEqual([]);
  });

  it('are there where they are named', () => {
    expect(alone.filter((beginning) => !files.some((file) => file.startsWith(beginning)))).toEqual([]);
  });
});
