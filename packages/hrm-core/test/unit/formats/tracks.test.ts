/** TCX and GPX, and the traps of their dialects. */
import { describe, expect, it } from 'vitest';
import { gpxFormat } from '../../../src/formats/devices/gpx.js';
import { tcxFormat } from '../../../src/formats/devices/tcx.js';
import { readHealthFile } from '../../../src/formats/read-health-file.js';
import { formatOf, readFile, readPieces } from '../../support/read-file-pieces.js';

const T0 = Date.UTC(2024, 0, 15, 10);
const utf8 = (text: string) => new TextEncoder().encode(text);
const at = (seconds: number) => new Date(T0 + seconds * 1000).toISOString();

async function read(text: string) {
  const bytes = utf8(text);
  const format = formatOf(bytes) === 'gpx' ? gpxFormat : tcxFormat;
  const whole = await readPieces(format, bytes);
  expect(await readPieces(format, bytes, { pieceBytes: 5 })).toEqual(whole);
  return { ...whole, values: whole.values.map(([device, ms, bpm]) => [device, (ms - T0) / 1000, bpm]) };
}

describe('GPX', () => {
  const gpx = (points: string, root = 'creator="Watch 1"') =>
    `<?xml version="1.0"?><gpx ${root}><metadata><time>${at(0)}</time></metadata><trk><trkseg>${points}</trkseg></trk></gpx>`;
  const point = (seconds: number, extensions: string) =>
    `<trkpt lat="1" lon="2"><ele>3</ele><time>${at(seconds)}</time><extensions>${extensions}</extensions></trkpt>`;

  it.each([
    [
      'gpxtpx:hr',
      '<gpxtpx:TrackPointExtension><gpxtpx:hr>72</gpxtpx:hr><gpxtpx:cad>9</gpxtpx:cad></gpxtpx:TrackPointExtension>',
    ],
    ['ns3:hr', '<ns3:TrackPointExtension><ns3:hr>72</ns3:hr></ns3:TrackPointExtension>'],
    ['gpxdata:hr', '<gpxdata:hr>72</gpxdata:hr>'],
    ['a namespace of its own', '<TrackPointExtension xmlns="u"><hr>72</hr></TrackPointExtension>'],
    ['heartrate beside hr', '<heartrate>72</heartrate><gpxtpx:hr>72</gpxtpx:hr>'],
    ['several extensions', '<a><power>1</power></a></extensions><extensions><b><hr> 72 </hr></b>'],
    ['a time in its extensions', '<time>2001-01-01T00:00:00Z</time><hr>72</hr>'],
  ])('has a reading a point with %s', async (_, extensions) => {
    const text = gpx(point(1, extensions));
    expect(await read(text)).toEqual({ values: [['Watch 1', 1, 72]], dropped: {}, notes: [], damages: [] });
  });

  it('counts points without a value or a time, and summaries', async () => {
    const noTime = '<trkpt><extensions><hr>60</hr></extensions></trkpt>';
    const points = [
      point(1, ''),
      point(2, '<hr></hr>'),
      point(3, '<hr>--</hr>'),
      noTime,
      point(5, '<hr>0</hr>'),
      '<hr>99</hr>',
    ];
    const { values, dropped } = await read(gpx(points.join(''), ''));
    expect(values).toEqual([['gpx', 5, 0]]);
    expect(dropped).toEqual({ absent: 2, damaged: 1, no_time: 1, summary: 1 });
  });

  it('keeps what is before a cut, and makes nothing of half a value', async () => {
    const text = gpx(`${point(1, '<hr>71</hr>')}${point(2, '<hr>142</hr>')}`);
    const cut = await read(text.slice(0, text.indexOf('142') + 2));
    expect(cut).toMatchObject({ values: [['Watch 1', 1, 71]], damages: [expect.stringMatching(/^byte \d+$/)] });
    const glued = text.replace('2</hr></extensions></trkpt>', point(3, '<hr>73</hr>'));
    expect((await read(glued)).values).toEqual([
      ['Watch 1', 1, 71],
      ['Watch 1', 3, 73],
    ]);
  });

  it('has instants of any offset', async () => {
    const offset = gpx(point(0, '<hr>72</hr>')).replaceAll('10:00:00.000Z', '11:30:00+01:30');
    expect((await read(offset)).values).toEqual([['Watch 1', 0, 72]]);
  });
});

describe('TCX', () => {
  const creator = '<Creator xsi:type="Device_t"><Name>Garmin Fenix</Name><UnitId>3939412345</UnitId></Creator>';
  const tcx = (inside: string) =>
    ` \n<?xml version="1.0"?><TrainingCenterDatabase><Activities>${inside}</Activities><Author><Name>Connect</Name></Author></TrainingCenterDatabase>`;
  const activity = (track: string, end = creator) =>
    `<Activity Sport="Running"><Id>${at(0)}</Id><Lap StartTime="${at(0)}"><AverageHeartRateBpm><Value>99</Value></AverageHeartRateBpm><Track>${track}</Track></Lap>${end}</Activity>`;
  const point = (seconds: number, rate: string) => `<Trackpoint><Time>${at(seconds)}</Time>${rate}</Trackpoint>`;
  const value = (bpm: number | string) => `<HeartRateBpm xsi:type="x"><Value>${bpm}</Value></HeartRateBpm>`;

  it('has a reading a point, with the device that stands behind them', async () => {
    const points = [
      point(1, value(71)),
      point(2, `<Extensions><Value>5</Value></Extensions>${value(0)}`),
      point(3, '<HeartRateBpm>73</HeartRateBpm>'),
    ];
    expect(await read(tcx(activity(points.join(''))))).toEqual({
      values: [
        ['Garmin Fenix 3939412345', 1, 71],
        ['Garmin Fenix 3939412345', 2, 0],
        ['Garmin Fenix 3939412345', 3, 73],
      ],
      dropped: { summary: 1 },
      notes: [],
      damages: [],
    });
  });

  it('has several activities, each of its device', async () => {
    const other = creator.replace('Fenix', 'Edge').replace('3939412345', '0');
    const text = tcx(
      activity(point(1, value(71))) + activity(point(2, value(72)), other) + activity(point(3, value(73)), ''),
    );
    expect((await read(text)).values).toEqual([
      ['Garmin Fenix 3939412345', 1, 71],
      ['Garmin Edge', 2, 72],
      ['tcx', 3, 73],
    ]);
  });

  it('counts what is no value of a point', async () => {
    const points = [
      point(1, ''),
      point(2, value('')),
      point(3, value('x')),
      '<Trackpoint><HeartRateBpm><Value>60</Value></HeartRateBpm></Trackpoint>',
    ];
    const { values, dropped } = await read(tcx(`${activity(points.join(''))}<HeartRateBpm>120</HeartRateBpm>`));
    expect(values).toEqual([]);
    expect(dropped).toEqual({ absent: 2, damaged: 1, no_time: 1, summary: 2 });
  });

  it('keeps what is before a cut, and reads on where tags do not match', async () => {
    const text = tcx(activity(point(1, value(71)) + point(2, value(142)) + point(3, value(73))));
    const { values, damages } = await read(text.slice(0, text.indexOf('142') + 2));
    expect([values, damages.length]).toEqual([[['tcx', 1, 71]], 1]);
    const mixed = text.replace('<Value>142</Value></HeartRateBpm>', '<Value>142</Value></Wrong>');
    expect((await read(mixed)).values.map(([, , bpm]) => bpm)).toEqual([71, 142, 73]);
  });
});

it.each([
  ['<gpx:gpx xmlns:gpx="u"/>', 'gpx'],
  ['  <?xml version="1.0"?>\n<TrainingCenterDatabase>', 'tcx'],
  ['<HealthData/>', undefined],
  ['gpx', undefined],
])('%j is taken for %s', (text, format) => {
  const known = formatOf(utf8(text));
  expect(format === undefined ? known !== 'gpx' && known !== 'tcx' : known === format).toBe(true);
});

it('a file that no format knows is none, and a track that needs a zone is refused', async () => {
  expect((await readFile(utf8('<HealthDat/>'))).account).toBeNull();
  const gpx = utf8('<gpx><trkpt><time>2024-01-15T10:00:00</time><hr>72</hr></trkpt></gpx>');
  await expect(readFile(gpx)).rejects.toMatchObject({ code: 'time_zone_needed' });
  const { readings, account } = await readFile(gpx, { timeZone: 'Europe/Madrid' });
  expect(readings).toEqual([['gpx', Date.UTC(2024, 0, 15, 9), 72]]);
  expect(account).toMatchObject({ format: 'gpx', readings: 1, notes: [{ code: 'time_zone_used', count: 1 }] });
});

/** Files of points that have nothing but a time. */
const POINTS = [
  {
    name: 'GPX',
    head: '<gpx>',
    tail: '</gpx>',
    point: (time: string) => `<trkpt><time>${time}</time><hr>72</hr></trkpt>`,
  },
  {
    name: 'TCX',
    head: '<TrainingCenterDatabase>',
    tail: '</TrainingCenterDatabase>',
    point: (time: string) =>
      `<Trackpoint><Time>${time}</Time><HeartRateBpm><Value>72</Value></HeartRateBpm></Trackpoint>`,
  },
  { name: 'a table', head: 'time;bpm\n', tail: '', point: (time: string) => `${time};72\n` },
];

describe.each(POINTS)('a time without a zone in $name', ({ head, tail, point }) => {
  const [zoned, local] = ['2024-01-15T10:00:00Z', '2024-01-15T10:00:01'] as const;
  const write = (...times: readonly string[]) => utf8(head + times.map(point).join('') + tail);

  it.each([[[local, zoned]], [[zoned, local]]])('costs itself alone, wherever it stands: %j', async (times) => {
    const { readings, account } = await readFile(write(...times));
    expect(readings.map(([, timeMs]) => timeMs)).toEqual([T0]);
    expect(account).toMatchObject({ dropped: { no_zone: 1 }, notes: [{ code: 'no_zone', count: 1 }] });
    // Where somebody says the zone, it counts.
    const { readings: all } = await readFile(write(...times), { timeZone: '+01:00' });
    expect(all.map(([, timeMs]) => timeMs).sort()).toEqual([T0 - 3_599_000, T0]);
  });

  it('is asked for where all are so, and the file is not read on for long', async () => {
    await expect(readFile(write(local))).rejects.toMatchObject({ code: 'time_zone_needed' });
    let pieces = 0;
    async function* endless() {
      yield utf8(head);
      for (; pieces < 1_000; pieces += 1) yield utf8(point(local).repeat(1_000));
    }
    const reading = readHealthFile(endless(), { fileName: 'x', nowMs: Date.now() });
    await expect(reading.next()).rejects.toMatchObject({ code: 'time_zone_needed' });
    expect(pieces).toBeLessThan(100);
  });
});
