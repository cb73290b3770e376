/** Huawei Health: the lines of a HiTrack file, and the JSON of what people get who ask for their data. */
import type { FileFormat } from '../file-format.js';
import { decodeHead, decodeText } from '../text/decode-text.js';
import { createGatherer, type Gatherer } from '../text/gather.js';
import { jsonFormat, listOf, member, textOf } from '../text/json-format.js';
import { toNumber } from '../text/numbers.js';
import { LINE_TOO_LONG, splitTextLines } from '../text/text-lines.js';

const DEVICE = 'huawei';

/** A time below this is in seconds: as milliseconds it would be of 1973 at the latest. */
const FIRST_MS = 1e11;

/** Lines such as `tp=h-r;k=1551732125000;v=105;`. */
export const huaweiTrack: FileFormat = {
  name: 'huawei-hitrack',
  title: 'Huawei HiTrack',
  recognizes: (head) => /^tp=[a-z-]{1,10};/.test(decodeHead(head).trimStart()),
  async *read(bytes) {
    const gather = createGatherer();
    for await (const lines of splitTextLines(decodeText(bytes, gather))) {
      for (const line of lines) {
        if (line === null) gather.tooLarge(LINE_TOO_LONG);
        else readTrackLine(line, gather);
      }
      yield* gather.take();
    }
  },
};

function readTrackLine(line: string, gather: Gatherer): void {
  if (!line.startsWith('tp=h-r')) return;
  // A line that does not end so is cut: its number may be, too.
  const parts = line.trimEnd().split(';', 8);
  const time = toNumber(fieldOf(parts, 'k='));
  if (parts.at(-1) !== '' || time === null) gather.drop('damaged');
  else gather.value(DEVICE, time < FIRST_MS ? time * 1_000 : time, toNumber(fieldOf(parts, 'v=')));
}

function fieldOf(parts: readonly string[], name: string): string | undefined {
  return parts.find((part) => part.startsWith(name))?.slice(name.length);
}

const MEASURED = ['DATA_POINT_DYNAMIC_HEARTRATE', 'DYNAMIC_HEART_RATE'];

/** `health detail data.json` and `motion path detail data.json`. */
export const huaweiJson = jsonFormat({
  name: 'huawei',
  title: 'Huawei Health, JSON',
  recognizes: (head) =>
    (head.includes('"samplePoints"') && head.includes('"startTime"')) || head.includes('HW_EXT_TRACK_DETAIL@is'),
  select: (path) => (path.length === 0 ? 'enter' : 'take'),
  createReader: (gather) => ({
    value(_, record) {
      for (const point of listOf(member(record, 'samplePoints'))) readPoint(point, gather);
      const track = textOf(member(record, 'attribute'));
      if (track?.includes('tp=h-r')) for (const line of trackLines(track)) readTrackLine(line, gather);
    },
  }),
});

function readPoint(point: unknown, gather: Gatherer): void {
  const key = textOf(member(point, 'key')) ?? '';
  if (key.includes('REST') && /HEART_?RATE/.test(key)) gather.drop('summary');
  if (!MEASURED.includes(key)) return;
  const value = member(point, 'value');
  // A newer kind has JSON within the text.
  const text = typeof value === 'string' && value.startsWith('{') ? bpmWithin(value) : value;
  gather.value(DEVICE, toNumber(member(point, 'startTime')), toNumber(text));
}

const BPM_WITHIN = /"bpm"\s{0,4}:\s{0,4}(\d{1,5}(?:\.\d{1,9})?)/;

function bpmWithin(text: string): string | null {
  return BPM_WITHIN.exec(text)?.[1] ?? null;
}

/** Lines of a track within a text: behind a mark, their ends may be spelt out. */
function trackLines(attribute: string): readonly string[] {
  return attribute.replaceAll('\\n', '\n').replace('HW_EXT_TRACK_DETAIL@is', '').split('&&', 1)[0]?.split('\n') ?? [];
}
