/** What a page loads: the formats, bundled as for a browser, in a world that has nothing but what the web has. */
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import type * as Formats from '../../../src/formats/index.js';
import { MADE_UP_EXPORTS } from '../../support/made-up-exports.js';
import { writeZip } from '../../support/zip-writer.js';

/** Of the web, and of Node by the same name. Neither `process`, nor `Buffer`, nor a module. */
const WEB = { Blob, DecompressionStream, TextDecoder, TextEncoder, Uint8Array };

const NOW_MS = Date.UTC(2026, 10, 30);

let formats: typeof Formats;

beforeAll(async () => {
  const entry = fileURLToPath(new URL('../../../src/formats/index.ts', import.meta.url));
  const bundle = { bundle: true, platform: 'browser', format: 'iife', globalName: 'formats', write: false } as const;
  const { outputFiles } = await build({ entryPoints: [entry], logLevel: 'silent', ...bundle });
  const world = createContext({ ...WEB });
  runInContext(`${outputFiles[0]?.text}; this.formats = formats`, world);
  formats = world.formats;
});

/** What a dropped file gives: of each file in it its name, and its readings as a person counts them. */
async function drop(source: Blob | Uint8Array, name: string) {
  const found: [string, string | undefined, string[]][] = [];
  const faults: string[] = [];
  for await (const one of formats.readDroppedFile(source, name, ({ name: at, problem }) => {
    faults.push(`${at}: ${problem}`);
  })) {
    const reading = formats.readHealthFile(one.read(), {
      fileName: one.name,
      file: one.file,
      nowMs: NOW_MS,
      timeZone: 'Europe/Madrid',
    });
    const readings: string[] = [];
    for (;;) {
      const { done, value } = await reading.next();
      if (done === true) {
        found.push([one.name, value?.format, readings.sort()]);
        break;
      }
      value.timesMs.forEach((timeMs, i) => {
        readings.push(`${value.deviceId} ${timeMs} ${value.heartRates[i]}`);
      });
    }
  }
  return { found, faults };
}

/** A made-up file of each format, once. */
const FILES = [...new Map(MADE_UP_EXPORTS.map((file) => [file.format, file])).values()].map((file, i) => ({
  ...file,
  // Of a folder, as exports have them; some formats look at names.
  name: `${i}/${file.fileName ?? 'file'}`,
  bytes: Buffer.from(file.content),
}));

describe('the formats in a browser', () => {
  it('read files, archives in archives and gzip alike', async () => {
    expect(FILES.length).toBeGreaterThan(15);
    const alone: string[][] = [];
    for (const { name, format, bytes } of FILES) {
      const { found } = await drop(new Blob([bytes]), name);
      expect(found).toMatchObject([[name, format, {}]]);
      alone.push(found[0]?.[2] ?? []);
    }
    expect(alone.flat().length).toBeGreaterThan(40);
    const inner = writeZip(FILES.map(({ name, bytes }) => ({ name, content: bytes })));
    const archive = writeZip([{ name: 'in.zip', content: inner, isStreamed: true }]);
    for (const source of [new Blob([archive]), new Uint8Array(archive)]) {
      const { found, faults } = await drop(source, 'all.zip');
      expect(faults).toEqual([]);
      expect(found.map(([name]) => name)).toEqual(FILES.map(({ name }) => `all.zip/in.zip/${name}`));
      expect(found.map(([, , readings]) => readings)).toEqual(alone);
    }
    const packed = FILES.filter(({ format }) => format !== 'health-connect');
    for (const { name, bytes } of packed) {
      const { found } = await drop(new Blob([gzipSync(bytes)]), name);
      expect(found[0]?.[2]).toEqual(alone[FILES.findIndex((file) => file.name === name)]);
    }
  });

  it('give what stands before the damage of gzip, and tell it', async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => `${1_700_000_000 + i},${60 + (i % 97)}`);
    const bytes = gzipSync(`time,bpm\n${rows.join('\n')}\n`);
    const dropped = formats.readDroppedFile(new Blob([bytes.subarray(0, -9_000)]), 'x', () => undefined);
    const { value: first } = await dropped.next();
    const reading = formats.readHealthFile(first.read(), { fileName: 'x', nowMs: NOW_MS });
    let count = 0;
    for (;;) {
      const { done, value } = await reading.next();
      if (done === true) {
        expect(value?.damages).toMatchObject([{ at: 'end' }]);
        break;
      }
      count += value.timesMs.length;
    }
    expect(count).toBeGreaterThan(5_000);
  });
});
