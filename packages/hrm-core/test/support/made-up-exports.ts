/** Small made-up files of vendors, each with the traps of its format, and what they hold. */
import type { DropReason } from '../../src/formats/file-format.js';

/** A file and what is to come of it. */
export interface MadeUpFile {
  readonly title: string;
  readonly format: string;
  readonly fileName?: string;
  readonly timeZone?: string;
  readonly keepLowConfidence?: boolean;
  readonly content: string | Uint8Array;
  /** `device time rate`. */
  readonly readings: readonly string[];
  readonly dropped?: Readonly<Partial<Record<DropReason, number>>>;
  /** Codes of notes. */
  readonly notes?: readonly string[];
  readonly damages?: number;
}

const json = (value: unknown) => JSON.stringify(value);

const FITBIT = json([
  { dateTime: '04/22/19 04:00:05', value: { bpm: 71, confidence: 3 } },
  { dateTime: '04/22/19 04:00:10', value: { bpm: 70, confidence: 0 } },
  { dateTime: '04/22/2019 23:59:59', value: { bpm: 72, confidence: 1 } },
  { dateTime: '13/22/19 04:00:10', value: { bpm: 72, confidence: 2 } },
  { dateTime: '04/22/19 04:00:15', value: { bpm: null, confidence: 2 } },
]);

const INTRADAY = {
  'activities-heart': [{ dateTime: '2024-03-30', value: { restingHeartRate: 60 } }],
  'activities-heart-intraday': {
    dataset: [
      { time: '23:59:58', value: 61 },
      { time: '00:00:03', value: 62 },
    ],
    datasetInterval: 1,
    datasetType: 'second',
  },
};

/** Its numbers are more than a double holds. */
const GOOGLE_TAKEOUT = `{"Data Source":"derived:com.google.heart_rate.bpm:com.google.android.gms:merge_heart_rate_bpm",
 "Data Points":[
 {"fitValue":[{"value":{"fpVal":72.0}}],"originDataSourceId":"raw:com.google.heart_rate.bpm:com.mc.band:Xiaomi:Mi Band 3:1a2b:","endTimeNanos":1422632268186000000,"dataTypeName":"com.google.heart_rate.bpm","startTimeNanos":1422632268186000000},
 {"fitValue":[],"originDataSourceId":"raw:com.google.heart_rate.bpm:com.mc.band:Xiaomi:Mi Band 3:1a2b:","endTimeNanos":1422632269186000000,"dataTypeName":"com.google.heart_rate.bpm","startTimeNanos":1422632269186000000},
 {"fitValue":[{"value":{"fpVal":0}}],"originDataSourceId":"","dataTypeName":"com.google.heart_rate.bpm","startTimeNanos":"1422632270186999999"},
 {"fitValue":[{"value":{"fpVal":80}},{"value":{"fpVal":90}}],"originDataSourceId":"","dataTypeName":"com.google.heart_rate.summary","startTimeNanos":1422632268186000000}]}`;

const SAMSUNG = `\ufeffcom.samsung.shealth.tracker.heart_rate,6322001,5
com.samsung.health.heart_rate.source,com.samsung.health.heart_rate.start_time,com.samsung.health.heart_rate.time_offset,com.samsung.health.heart_rate.heart_rate,com.samsung.health.heart_rate.binning_data,com.samsung.health.heart_rate.comment,com.samsung.health.heart_rate.deviceuuid
,2024-01-15 10:00:00.250,UTC+0200,64.0,,"after ""tea"",
two lines",AbCdEfGhIjKlMn,
,2024-01-15 11:00:00.000,UTC+0200,70.0,1234.binning_data.json,,AbCdEfGhIjKlMn,
,not a time,UTC+0200,71.0,,,AbCdEfGhIjKlMn,
`;

const POLAR_SESSION = {
  exportVersion: '1.6',
  startTime: '2024-01-15T10:00:00.000',
  exercises: [
    {
      samples: {
        heartRate: [
          { dateTime: '2024-01-15T10:00:00.000', value: 101 },
          { dateTime: '2024-01-15T10:00:01.000' },
          { dateTime: '2024-01-15T10:00:02.500', value: 103 },
        ],
        speed: [{ dateTime: '2024-01-15T10:00:00.000', value: 3.1 }],
      },
      timezoneOffset: 60,
    },
    { samples: { heartRate: [{ dateTime: '2024-01-15T12:00:00.000', value: 90 }] } },
  ],
  timeZoneOffset: -120,
  product: { modelName: 'Polar Ignite', productName: 'x' },
  deviceId: 'AB12',
};

const POLAR_HRM = `[Params]
Version=106
Date=20240115
StartTime=10:00:00.0
Interval=5
[Note]
caf\u00e9
[HRData]
90\t101
0\t102
92\t103
`;

const observation = (change: object) => ({
  resourceType: 'Observation',
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] },
  subject: { reference: 'Patient/ana' },
  device: { reference: 'Device/watch' },
  ...change,
});
const quantity = (value: number, code = '/min') => ({ value, unit: 'beats/minute', code });

const BUNDLE = json({
  resourceType: 'Bundle',
  entry: [
    { resource: observation({ effectiveDateTime: '2024-01-15T10:00:00+01:00', valueQuantity: quantity(72) }) },
    {
      resource: observation({
        effectivePeriod: { start: '2024-01-15T10:00:00Z', end: '2024-01-15T10:01:00Z' },
        valueQuantity: quantity(72.5),
      }),
    },
    {
      resource: observation({
        effectivePeriod: { start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z' },
        valueQuantity: quantity(60),
      }),
    },
    { resource: observation({ effectiveInstant: '2024-01-15T11:00:00Z', valueQuantity: quantity(1.2, '/s') }) },
    { resource: observation({ effectiveDateTime: '2024-01-15', valueQuantity: quantity(70) }) },
    { resource: observation({ effectiveDateTime: '2024-01-15T12:00:00Z', valueQuantity: quantity(70, 'mm[Hg]') }) },
    { resource: observation({ effectiveDateTime: '2024-01-15T12:01:00Z', dataAbsentReason: { text: 'unknown' } }) },
    {
      resource: observation({
        status: 'entered-in-error',
        effectiveDateTime: '2024-01-15T12:02:00Z',
        valueQuantity: quantity(99),
      }),
    },
    {
      resource: observation({
        code: { coding: [{ code: '85353-1' }] },
        effectiveDateTime: '2024-01-15T12:03:00Z',
        component: [
          { code: { coding: [{ code: '8867-4' }] }, valueQuantity: quantity(81) },
          { code: { coding: [{ code: '9279-1' }] }, valueQuantity: quantity(14) },
        ],
      }),
    },
    { resource: { resourceType: 'Patient', id: 'ana' } },
    {
      resource: observation({
        effectiveDateTime: '2024-01-15T13:00:00Z',
        valueSampledData: { origin: quantity(0), period: 5000, dimensions: 1, data: '72 E 74 L U' },
      }),
    },
  ],
});

const R5_SERIES = observation({
  effectiveDateTime: '2024-01-15T13:00:00Z',
  valueSampledData: {
    origin: quantity(60),
    interval: 1,
    intervalUnit: 's',
    factor: 0.5,
    offsets: '0 2.5',
    data: '20 22',
  },
});

const point = (body: object) => ({
  header: {
    id: '1',
    schema_id: { namespace: 'omh', name: 'heart-rate', version: '2.0' },
    user_id: 'ana',
    acquisition_provenance: { source_name: 'Ana\u2019s\u00a0Watch', modality: 'sensed' },
  },
  body,
});
const omh = (value: number, effective_time_frame: object, more: object = {}) =>
  point({ heart_rate: { value, unit: 'beats/min' }, effective_time_frame, ...more });

const POINTS = [
  omh(72, { date_time: '2024-01-15T10:00:00.250+01:00' }),
  omh(73.5, {
    time_interval: { start_date_time: '2024-01-15T10:00:00Z', duration: { value: 1, unit: 'min' } },
  }),
  omh(
    50,
    { time_interval: { start_date_time: '2024-01-15T10:00:00Z', end_date_time: '2024-01-15T10:01:00Z' } },
    { descriptive_statistic: 'minimum' },
  ),
  omh(60, { time_interval: { start_date_time: '2024-01-15T00:00:00Z', end_date_time: '2024-01-16T00:00:00Z' } }),
  point({ heart_rate: { value: 60, unit: 'beat/min' }, effective_time_frame: { date_time: '2024-01-15T11:00:00Z' } }),
];
const POINT_READINGS = [
  'ana: Ana\u2019s Watch 2024-01-15T09:00:00.250Z 72',
  'ana: Ana\u2019s Watch 2024-01-15T10:00:00Z 74',
];

const HK = 'HKQuantityTypeIdentifierHeartRate';
const record = (value: string, startDate: string, more = '') =>
  `<Record type="${HK}" sourceName="Tom\u2019s Apple\u00a0Watch" unit="count/min" startDate="${startDate}" value="${value}" ${more}/>\n`;
const hardware = (address: string) =>
  `device="&lt;&lt;HKDevice: ${address}&gt;, name:Apple Watch, manufacturer:Apple, model:Watch, hardware:Watch4,4, software:9.6.3&gt;"`;

/** A DTD as iOS 16 wrote it, a control character, an `&` by itself, a nested record, a source of old. */
const APPLE = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE HealthData [
<!ELEMENT HealthData (ExportDate,Me,(Record|Workout)*)>
<!ATTLIST Record
  type          CDATA #REQUIRED
  startDate     CDATA #REQUIRED
]>
<HealthData locale="es_ES">
 <Me note="R&B \u000b"/>
 ${record('72', '2024-01-15 10:00:00 +0100', hardware('0x533ad2350'))}
 ${record('47.8478', '2024-01-15 10:00:05 +0100', hardware('0x1111'))}
 ${record('61', '2024-01-15 10:00:10 -0030')}
 <Correlation type="x">${record('72', '2024-01-15 10:00:00 +0100', hardware('0x2222'))}</Correlation>
 <Record type="${HK}" source="iPhone" unit="count/s" startDate="20150616071916-0700" value="1.2"/>
 <Record type="${HK}" sourceName="iPhone" unit="mmHg" startDate="2024-01-15 10:00:00 +0100" value="1.2"/>
 <Record type="HKQuantityTypeIdentifierRestingHeartRate" unit="count/min" startDate="2024-01-15 10:00:00 +0100" value="55"/>
 <Record type="HKQuantityTypeIdentifierHeartRateVariabilitySDNN" value="40"><HeartRateVariabilityMetadataList>
  <InstantaneousBeatsPerMinute bpm="80" time="00:20:37,80"/></HeartRateVariabilityMetadataList></Record>
 <Workout><WorkoutStatistics type="${HK}" average="120" unit="count/min"/></Workout>
</HealthData>
`;

const POLAR_XML = `<?xml version="1.0" encoding="UTF-8"?>
<polar-exercise-data xmlns="http://www.polarpersonaltrainer.com" version="1.0"><calendar-items><exercise>
<created>2024-01-15 09:00:00.0</created><time>2024-01-15 10:00:00.0</time><sport>Running</sport>
<result><duration>00:00:10.0</duration><heart-rate><average>101</average></heart-rate><recording-rate>5</recording-rate>
<samples><sample><type>SPEED</type><values>1,2,3</values></sample>
<sample><type>HEARTRATE</type><values>101,0,103</values></sample></samples></result></exercise></calendar-items></polar-exercise-data>`;

const SML = `<?xml version="1.0" encoding="utf-8"?>
<sml xmlns="http://www.suunto.com/schemas/sml"><DeviceLog><Header><HR><Avg>2</Avg></HR></Header>
<Device><Name>Suunto Ambit3</Name><SerialNumber>A1</SerialNumber></Device><Samples>
<Sample><UTC>2024-01-15T10:00:00Z</UTC><HR>1.2167</HR></Sample>
<Sample><UTC>2024-01-15T10:00:01Z</UTC><Speed>3</Speed></Sample>
<Sample><HR>1.25</HR><UTC>2024-01-15T10:00:02.500</UTC></Sample>
<Sample><HR></HR><UTC>2024-01-15T10:00:03</UTC></Sample>
</Samples></DeviceLog></sml>`;

/** All of them. */
export const MADE_UP_EXPORTS: readonly MadeUpFile[] = [
  {
    title: 'Fitbit Takeout: UTC, two spellings of the year, confidence 0',
    format: 'fitbit-takeout',
    content: FITBIT,
    readings: ['fitbit 2019-04-22T04:00:05Z 71', 'fitbit 2019-04-22T23:59:59Z 72'],
    dropped: { absent: 1, low_confidence: 1, no_time: 1 },
  },
  {
    title: 'Fitbit Takeout, low confidence kept',
    format: 'fitbit-takeout',
    keepLowConfidence: true,
    content: FITBIT,
    readings: ['fitbit 2019-04-22T04:00:05Z 71', 'fitbit 2019-04-22T04:00:10Z 70', 'fitbit 2019-04-22T23:59:59Z 72'],
    dropped: { absent: 1, no_time: 1 },
  },
  {
    title: 'Fitbit Takeout as CSV',
    format: 'fitbit-csv',
    content:
      '\ufefftimestamp,beats per minute\r\n2024-01-15T10:00:00Z,70.0\r\n2024-01-15T10:00:05Z,\r\n2024-01-15 10:00,71.0\r\n',
    readings: ['fitbit 2024-01-15T10:00:00Z 70'],
    dropped: { absent: 1, no_time: 1 },
  },
  {
    title: 'the resting heart rate of Fitbit Takeout, which looks the same',
    format: 'fitbit-csv',
    fileName: 'daily_resting_heart_rate_2024-01-15.csv',
    content: 'timestamp,beats per minute\n2024-01-15T00:00:00Z,58.0\n',
    readings: [],
    dropped: { summary: 1 },
  },
  {
    title: 'Fitbit Web API: the zone of the profile, over midnight',
    format: 'fitbit-api',
    timeZone: 'Europe/Madrid',
    content: json(INTRADAY),
    readings: ['fitbit 2024-03-30T22:59:58Z 61', 'fitbit 2024-03-30T23:00:03Z 62'],
    notes: ['time_zone_used'],
  },
  {
    title: 'Fitbit Web API: the day behind its values, several answers',
    format: 'fitbit-api',
    timeZone: '+00:00',
    content: json([
      {
        'activities-heart-intraday': { dataset: [{ time: '10:00', value: 61 }] },
        'activities-heart': [{ dateTime: '2024-03-30' }],
      },
      {
        'activities-heart': [{ dateTime: '2024-04-01' }],
        'activities-heart-intraday': { dataset: [{ time: '11:00:00', value: 62 }] },
      },
    ]),
    readings: ['fitbit 2024-03-30T10:00:00Z 61', 'fitbit 2024-04-01T11:00:00Z 62'],
    notes: ['time_zone_used'],
  },
  {
    title: 'Google Fit Takeout: nanoseconds over 2^53, as text and as numbers',
    format: 'google-fit',
    content: GOOGLE_TAKEOUT,
    readings: ['com.mc.band Xiaomi Mi Band 3 2015-01-30T15:37:48.186Z 72'],
    dropped: { absent: 1, no_contact: 1, summary: 1 },
  },
  {
    title: 'Google Fit, REST',
    format: 'google-fit',
    content: json({
      dataSourceId: 'raw:com.google.heart_rate.bpm:com.app:Maker:Model:uid:name',
      point: [
        { startTimeNanos: '1422632268186000000', dataTypeName: 'com.google.heart_rate.bpm', value: [{ fpVal: 54.5 }] },
      ],
    }),
    readings: ['com.app Maker Model 2015-01-30T15:37:48.186Z 55'],
  },
  {
    title: 'Google Fit, the heart rate at rest of each day, of the same type',
    format: 'google-fit',
    content: json({
      'Data Source':
        'derived:com.google.heart_rate.bpm:com.google.android.gms:resting_heart_rate<-merge_heart_rate_bpm',
      'Data Points': [
        {
          fitValue: [{ value: { fpVal: 55 } }],
          dataTypeName: 'com.google.heart_rate.bpm',
          startTimeNanos: '1422632268186000000',
        },
      ],
    }),
    readings: [],
    dropped: { summary: 1 },
  },
  {
    title: 'Samsung rows: a preamble, a comma too many, a comment of two lines, UTC',
    format: 'samsung-csv',
    content: SAMSUNG,
    readings: ['samsung-AbCdEfGhIjKl 2024-01-15T10:00:00.250Z 64'],
    dropped: { no_time: 1, summary: 1 },
    notes: ['minutes_elsewhere'],
  },
  {
    title: 'Samsung minutes',
    format: 'samsung-binning',
    content: json([
      { heart_rate: 72.0, heart_rate_min: 70, heart_rate_max: 75, start_time: 1705312800000, end_time: 1705312859999 },
      { heart_rate: null, heart_rate_min: 70, heart_rate_max: 75, start_time: 1705312860000, end_time: 1705312919999 },
    ]),
    readings: ['samsung-health 2024-01-15T10:00:00Z 72'],
    dropped: { absent: 1 },
  },
  {
    title: 'Oura, CSV',
    format: 'oura-csv',
    content:
      'timestamp;bpm;source\n2024-01-15T10:00:00.000Z;70;awake\n2024-01-15T12:05:00+02:00;71;rest\n2024-01-15T10:00:00Z;72;rest\n',
    readings: ['oura 2024-01-15T10:00:00Z 70', 'oura 2024-01-15T10:05:00Z 71'],
    dropped: { duplicate: 1 },
  },
  {
    title: 'Oura API, heart rates',
    format: 'oura',
    content: json({ data: [{ bpm: 61, source: 'sleep', timestamp: '2024-01-15T10:00:00+00:00' }], next_token: null }),
    readings: ['oura 2024-01-15T10:00:00Z 61'],
  },
  {
    title: 'Oura API, a night with gaps',
    format: 'oura',
    content: json({
      data: [
        {
          id: 'x',
          heart_rate: { interval: 300.0, items: [null, 55.0, 56], timestamp: '2024-01-15T01:00:00.000+01:00' },
        },
      ],
    }),
    readings: ['oura 2024-01-15T00:05:00Z 55', 'oura 2024-01-15T00:10:00Z 56'],
    dropped: { absent: 1 },
  },
  {
    title: 'Withings: arrays in cells, each value behind those before it',
    format: 'withings',
    fileName: 'raw_hr_hr.csv',
    content:
      'start,duration,value\n2024-01-15T10:00:00+01:00,"[40]","[121]"\n2024-01-15T10:01:00+01:00,"[20,30,10]","[80,81,36]"\n',
    readings: [
      'withings 2024-01-15T09:00:00Z 121',
      'withings 2024-01-15T09:01:00Z 80',
      'withings 2024-01-15T09:01:20Z 81',
      'withings 2024-01-15T09:01:50Z 36',
    ],
  },
  {
    title: 'Huawei HiTrack: other lines, seconds, a cut line',
    format: 'huawei-hitrack',
    content:
      'tp=lbs;k=0;lat=50.7;lon=-3.5;alt=0.0;t=1.55E12;\ntp=h-r;k=1551732125000;v=105;\ntp=h-r;k=1551732130;v=106;\ntp=h-r;k=15517321',
    readings: ['huawei 2019-03-04T20:42:05Z 105', 'huawei 2019-03-04T20:42:10Z 106'],
    dropped: { damaged: 1 },
  },
  {
    title: 'Huawei, JSON: two kinds of points, resting ones, a track within a text',
    format: 'huawei',
    content: json([
      { type: 7, samplePoints: [{ key: 'DATA_POINT_DYNAMIC_HEARTRATE', value: '89.0', startTime: 1606846560000 }] },
      { type: 7, samplePoints: [{ key: 'DATA_POINT_REST_HEARTRATE', value: '55.0', startTime: 1606846560000 }] },
      { type: 9, samplePoints: [{ key: 'DYNAMIC_HEART_RATE', value: '{"bpm":70}', startTime: 1606846620000 }] },
      { attribute: 'HW_EXT_TRACK_DETAIL@istp=lbs;k=0;\ntp=h-r;k=1606846680000;v=105;\n&&HW_EXT_TRACK_SIMPLIFY@is{}' },
    ]),
    readings: ['huawei 2020-12-01T18:16:00Z 89', 'huawei 2020-12-01T18:17:00Z 70', 'huawei 2020-12-01T18:18:00Z 105'],
    dropped: { summary: 1 },
  },
  {
    title: 'Zepp: a date beside the time, no zone, sentinels',
    format: 'zepp',
    timeZone: 'Europe/Madrid',
    content: '\ufeffdate,time,heartRate\n2024-01-15,10:00,72\n2024-01-15,10:01,254\n2024-01-15,10:02,0\n',
    readings: ['zepp 2024-01-15T09:00:00Z 72'],
    dropped: { absent: 1, no_contact: 1 },
    notes: ['time_zone_used'],
  },
  {
    title: 'WHOOP: no series',
    format: 'whoop',
    content:
      'Cycle start time,Cycle end time,Cycle timezone,Recovery score %,Resting heart rate (bpm)\n2024-01-15 23:00:00,,UTC+01:00,66,55\n',
    readings: [],
    dropped: { summary: 1 },
    notes: ['no_series'],
  },
  {
    title:
      'Polar session: offsets behind the samples, of the exercise or else of the session; a sample without a value',
    format: 'polar-session',
    content: json(POLAR_SESSION),
    readings: [
      'Polar Ignite AB12 2024-01-15T09:00:00Z 101',
      'Polar Ignite AB12 2024-01-15T09:00:02.500Z 103',
      'Polar Ignite AB12 2024-01-15T14:00:00Z 90',
    ],
    dropped: { absent: 1 },
  },
  {
    title: 'Polar days',
    format: 'polar-day',
    timeZone: '+01:00',
    content: json({
      deviceDays: [
        {
          deviceId: 'AB12',
          date: '2024-01-15',
          samples: [
            { heartRate: 60, secondsFromDayStart: 1, source: 'OPTICAL' },
            { heartRate: 61, secondsFromDayStart: 86_400 },
            { secondsFromDayStart: 3 },
          ],
        },
      ],
    }),
    readings: ['AB12 2024-01-14T23:00:01Z 60'],
    dropped: { absent: 1, no_time: 1 },
    notes: ['time_zone_used'],
  },
  {
    title: 'Polar Flow CSV: two lines before the header, elapsed times',
    format: 'polar-flow-csv',
    timeZone: 'Europe/Madrid',
    content:
      'Name,Sport,Date,Start time,Duration\nAna,RUNNING,15-01-2024,10:00:00,00:30:00\nSample rate,Time,HR (bpm),Speed (km/h)\n1,00:00:00,98,\n,00:00:01,,\n,01:00:01,99,3.5\n',
    readings: ['polar 2024-01-15T09:00:00Z 98', 'polar 2024-01-15T10:00:01Z 99'],
    dropped: { absent: 1 },
    notes: ['time_zone_used'],
  },
  {
    title: 'Polar .hrm: Latin 1, an interval',
    format: 'polar-hrm',
    timeZone: 'UTC',
    content: Uint8Array.from(POLAR_HRM, (one) => one.charCodeAt(0)),
    readings: ['polar 2024-01-15T10:00:00Z 90', 'polar 2024-01-15T10:00:10Z 92'],
    dropped: { no_contact: 1 },
    notes: ['time_zone_used'],
  },
  {
    title: 'Polar .hrm of times between beats',
    format: 'polar-hrm',
    content: '[Params]\nDate=20240115\nStartTime=10:00:00.0\nInterval=238\n[HRData]\n800\n810\n',
    readings: [],
    notes: ['no_series'],
  },
  {
    title: 'Polar Sensor Logger',
    format: 'polar-sensor-logger',
    timeZone: 'UTC',
    content:
      'Phone timestamp;sensor timestamp [ns];HR [bpm];HRV [ms]\n2024-01-15T10:00:00.123;;77;\n2024-01-15T10:00:01.123;;78;\n',
    readings: ['polar 2024-01-15T10:00:00.123Z 77', 'polar 2024-01-15T10:00:01.123Z 78'],
    notes: ['time_zone_used'],
  },
  {
    title: 'Suunto JSON: hertz, attributes, the device behind its samples',
    format: 'suunto-json',
    content: json({
      Samples: [
        {
          Attributes: { 'suunto/sml': { Sample: { HR: 1.2167 } } },
          TimeISO8601: '2024-01-15T10:00:00.000+01:00',
        },
        { Attributes: { 'suunto/sml': { Sample: { Speed: 3 } } }, TimeISO8601: '2024-01-15T10:00:01.000+01:00' },
        { Attributes: { 'suunto/sml': { Sample: { HR: null } } }, TimeISO8601: '2024-01-15T10:00:02.000+01:00' },
      ],
    }),
    readings: ['suunto 2024-01-15T09:00:00Z 73'],
    dropped: { absent: 1 },
  },
  {
    title: 'Suunto JSON of a device log',
    format: 'suunto-json',
    content: json({
      DeviceLog: {
        Samples: [{ HR: 2, TimeISO8601: '2024-01-15T10:00:00Z' }],
        Device: { Name: 'Suunto 9', SerialNumber: '1234' },
      },
    }),
    readings: ['Suunto 9 1234 2024-01-15T10:00:00Z 120'],
  },
  {
    title: 'a Bundle of FHIR: moments, means, series, components, and what is none',
    format: 'fhir',
    content: BUNDLE,
    readings: [
      'ana: watch 2024-01-15T09:00:00Z 72',
      'ana: watch 2024-01-15T10:00:00Z 73',
      'ana: watch 2024-01-15T11:00:00Z 72',
      'ana: watch 2024-01-15T12:03:00Z 81',
      'ana: watch 2024-01-15T13:00:00Z 72',
      'ana: watch 2024-01-15T13:00:10Z 74',
    ],
    dropped: { absent: 2, damaged: 2, no_time: 1, summary: 1, too_high: 1, too_low: 1 },
    notes: ['unknown_unit', 'withdrawn'],
  },
  {
    title: 'Observations of FHIR, one a line; a series of R5 with offsets',
    format: 'fhir',
    content: [observation({ effectiveDateTime: '2024-01-15T10:00:00Z', valueQuantity: quantity(72) }), R5_SERIES]
      .map(json)
      .join('\n'),
    readings: [
      'ana: watch 2024-01-15T10:00:00Z 72',
      'ana: watch 2024-01-15T13:00:00Z 70',
      'ana: watch 2024-01-15T13:00:02.500Z 71',
    ],
  },
  {
    title: 'Open mHealth: a list of data points',
    format: 'open-mhealth',
    content: json(POINTS),
    readings: POINT_READINGS,
    dropped: { damaged: 1, summary: 2 },
    notes: ['unknown_unit'],
  },
  {
    title: 'Open mHealth: one a line, and what Shimmer answers',
    format: 'open-mhealth',
    content: `${json(POINTS[0])}\n${json({ shim: 'x', body: [POINTS[1]] })}\n`,
    readings: POINT_READINGS,
  },
  {
    title: 'Apple Health: a broken DTD, addresses that change, offsets, fractions, children, units of old',
    format: 'apple-health',
    content: APPLE,
    readings: [
      'Tom\u2019s Apple Watch (Watch4,4) 2024-01-15T09:00:00Z 72',
      'Tom\u2019s Apple Watch (Watch4,4) 2024-01-15T09:00:05Z 48',
      'Tom\u2019s Apple Watch 2024-01-15T10:30:10Z 61',
      'iPhone 2015-06-16T14:19:16Z 72',
    ],
    dropped: { duplicate: 1, damaged: 1, summary: 2 },
    notes: ['unknown_unit', 'beats_without_date'],
  },
  {
    title: 'Polar, XML: time, interval and type behind the values',
    format: 'polar-xml',
    timeZone: 'Europe/Madrid',
    content: `<polar-exercise-data><calendar-items><exercise><result><samples><sample><values>101,0,103</values><type>HEARTRATE</type></sample>
<sample><values>1,2</values><type>SPEED</type></sample></samples><recording-rate>5</recording-rate></result><time>2024-01-15 10:00:00.0</time></exercise></calendar-items></polar-exercise-data>`,
    readings: ['polar 2024-01-15T09:00:00Z 101', 'polar 2024-01-15T09:00:10Z 103'],
    dropped: { no_contact: 1 },
    notes: ['time_zone_used'],
  },
  {
    title: 'Polar, XML',
    format: 'polar-xml',
    timeZone: 'Europe/Madrid',
    content: POLAR_XML,
    readings: ['polar 2024-01-15T09:00:00Z 101', 'polar 2024-01-15T09:00:10Z 103'],
    dropped: { no_contact: 1 },
    notes: ['time_zone_used'],
  },
  {
    title: 'Suunto, SML: hertz, either order, UTC without a Z',
    format: 'suunto-xml',
    content: SML,
    readings: ['Suunto Ambit3 A1 2024-01-15T10:00:00Z 73', 'Suunto Ambit3 A1 2024-01-15T10:00:02.500Z 75'],
    dropped: { absent: 1 },
  },
  {
    title: 'a table in German: semicolons, a date and a time of day, decimal commas, a unit, two lines before',
    format: 'table',
    timeZone: 'Europe/Berlin',
    content:
      '\ufeffMein Puls\n\nDatum;Uhrzeit;Herzfrequenz [bpm];Gerät\n15.01.2024;10:00;72,5;Uhr\n15.01.2024;10:01:30;;Uhr\n31.12.23;23:59;"60 bpm";Gurt\n',
    readings: ['Uhr 2024-01-15T09:00:00Z 73', 'Gurt 2023-12-31T22:59:00Z 60'],
    dropped: { absent: 1 },
    notes: ['time_zone_used'],
  },
  {
    title: 'a table whose later dates tell that the month stands first, in twelve hours',
    format: 'table',
    timeZone: 'America/New_York',
    content:
      'Date,Time,Pulse\n1/2/2024,12:00 AM,60\n1/2/2024,12:30 PM,61\n1/13/2024,1:00 pm,62\n13/1/2024,1:00 PM,63\n',
    readings: ['table 2024-01-02T05:00:00Z 60', 'table 2024-01-02T17:30:00Z 61', 'table 2024-01-13T18:00:00Z 62'],
    dropped: { no_time: 1 },
    notes: ['time_zone_used'],
  },
  {
    title: 'a table of which nobody knows whether the month stands first',
    format: 'table',
    content: 'Date,Heart Rate\n1/2/2024 10:00,60\n3/2/2024 10:00,61\n',
    readings: [],
    dropped: { no_time: 2 },
    notes: ['date_order_unknown'],
  },
  {
    title: 'a table in French, with days first by its language',
    format: 'table',
    timeZone: 'Europe/Paris',
    content: 'Date et heure\tFréquence_cardiaque\n01/02/2024 10:00:00\t60\n30/02/2024 10:00:00\t61\n',
    readings: ['table 2024-02-01T09:00:00Z 60'],
    dropped: { no_time: 1 },
    notes: ['time_zone_used'],
  },
  {
    title: 'a table of seconds and of milliseconds, with whose they are',
    format: 'table',
    content:
      'user,ts,heart rate,source\nana,1705312800,60,watch\nbo,1705312800250,61,watch\nbo,2024-01-15T10:01:00+01:00,62,\n',
    readings: [
      'ana: watch 2024-01-15T10:00:00Z 60',
      'bo: watch 2024-01-15T10:00:00.250Z 61',
      'bo: table 2024-01-15T09:01:00Z 62',
    ],
  },
  {
    title: 'a table in Chinese',
    format: 'table',
    timeZone: 'Asia/Shanghai',
    content: '日期,时间,心率\n2024/1/15,10:00,60\n',
    readings: ['table 2024-01-15T02:00:00Z 60'],
    notes: ['time_zone_used'],
  },
];
