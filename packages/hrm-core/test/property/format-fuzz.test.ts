/** Damaged files of devices, by hundreds a format; `.ci/run` takes 10,000. */
import { describe, it } from 'vitest';
import { fitFormat } from '../../src/formats/devices/fit/fit.js';
import { gpxFormat } from '../../src/formats/devices/gpx.js';
import { tcxFormat } from '../../src/formats/devices/tcx.js';
import type { FileFormat } from '../../src/formats/file-format.js';
import { FILE_FORMATS } from '../../src/formats/file-formats.js';
import { type FuzzOptions, fuzzFormat } from '../support/fuzz-format.js';
import { MADE_UP_EXPORTS } from '../support/made-up-exports.js';
import { testSeed } from '../support/random.js';
import { type FitMessage, fitSeconds, writeFit } from '../support/write-fit.js';

const T0 = Date.UTC(2024, 0, 15, 10);
const seconds = Array.from({ length: 20 }, (_, i) => i);
const iso = (second: number) => new Date(T0 + second * 1000).toISOString();
const utf8 = (text: string) => new TextEncoder().encode(text);

function fitBases(): Uint8Array[] {
  const S0 = fitSeconds(T0);
  const fileId: FitMessage = {
    message: 0,
    fields: [
      [1, 2, 1],
      [2, 2, 3415],
      [3, 4, 77],
    ],
  };
  const records = seconds.map(
    (i): FitMessage => ({
      message: 20,
      fields: [
        [253, 4, S0 + i],
        [3, 1, 70 + i],
      ],
    }),
  );
  const compressed = seconds.map((i): FitMessage => ({ message: 20, fields: [[3, 1, 70 + i]], compressed: i % 32 }));
  const monitoring = seconds.map(
    (i): FitMessage => ({
      message: 55,
      fields: [
        [26, 2, (S0 + i) % 65_536],
        [27, 1, 70 + i],
      ],
    }),
  );
  const beats: FitMessage[] = [
    {
      message: 132,
      fields: [
        [253, 4, S0],
        [0, 2, 0],
        [6, 1, 70],
        [9, 4, 1_000],
      ],
    },
    {
      message: 132,
      fields: [
        [6, 8, [70, 71, 72, 73, 74, 75, 76, 77]],
        [10, 12, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]],
      ],
    },
  ];
  const snapshot: FitMessage = {
    message: 308,
    fields: [
      [253, 4, S0],
      [0, 2, 8],
      [2, 8, [70, 71, 72, 73, 74, 75, 76, 77]],
    ],
  };
  const activity = writeFit([fileId, ...records, ...beats]);
  const others = writeFit([fileId, records[0] as FitMessage, ...monitoring, snapshot], {
    bigEndian: true,
    headerBytes: 12,
  });
  const first = records.slice(0, 1).map((message) => ({ ...message, developerBytes: [1, 2] }));
  return [Uint8Array.from([...activity, ...others]), writeFit([...first, ...compressed], { dataBytes: 0 }), others];
}

const gpxPoint = (i: number) =>
  `<trkpt lat="1" lon="2"><time>${iso(i)}</time><extensions><a:b><a:hr>${70 + i}</a:hr></a:b></extensions></trkpt>\n`;
const tcxPoint = (i: number) =>
  `<Trackpoint><Time>${iso(i)}</Time><HeartRateBpm><Value>${70 + i}</Value></HeartRateBpm></Trackpoint>\n`;

const FORMATS: readonly (readonly [FileFormat, readonly Uint8Array[]])[] = [
  [fitFormat, fitBases()],
  [gpxFormat, [utf8(`<?xml version="1.0"?><!-- x --><gpx creator="W">${seconds.map(gpxPoint).join('')}</gpx>`)]],
  [
    tcxFormat,
    [
      utf8(
        `<TrainingCenterDatabase><Activity>${seconds.map(tcxPoint).join('')}<Creator><Name>A &amp; B</Name></Creator></Activity></TrainingCenterDatabase>`,
      ),
    ],
  ],
];

/** What JSON and XML begin with. */
const BY_PARTS = /^(?:[[{][[{"]|<)/;

/** The made-up exports of each format that have readings. */
const EXPORTS = FILE_FORMATS.flatMap((format) => {
  const files = MADE_UP_EXPORTS.filter((file) => file.format === format.name && file.readings.length > 0);
  const bases = files.map(({ content }) => (typeof content === 'string' ? utf8(content) : content));
  const options: FuzzOptions = {
    context: {
      fileName: files[0]?.fileName ?? 'file',
      toEpochMs: ({ hour, minute, second }) => T0 + hour * 3_600_000 + minute * 60_000 + second * 1_000,
    },
    // Of JSON and of XML only what has ended counts.
    rowValues: bases.every((base) => BY_PARTS.test(String.fromCharCode(...base.subarray(0, 2)))) ? 0 : 3,
  };
  return bases.length === 0 ? [] : [{ name: format.name, format, bases, options }];
});

describe('damaged files', () => {
  const seed = testSeed();
  it.each(FORMATS.map(([format, bases]) => [format.name, format, bases] as const))(
    'of %s give what is before the damage, and no error',
    async (_, format, bases) => {
      // A time may lose its zone.
      await fuzzFormat(format, bases, seed, { context: { toEpochMs: () => T0 } });
    },
    600_000,
  );

  it.each(EXPORTS)(
    'of $name give what is before the damage, and no error',
    async ({ format, bases, options }) => {
      await fuzzFormat(format, bases, seed, options);
    },
    600_000,
  );
});
