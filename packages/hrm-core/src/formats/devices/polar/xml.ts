/** Polar: the XML of its former website. A list of values at one interval, from a time of the wearer's clock on. */
import type { FileFormat, FormatContext } from '../../file-format.js';
import { createGatherer, type Gatherer } from '../../text/gather.js';
import { wallMsOf, zonedMs } from '../../text/local-time.js';
import { toNumber } from '../../text/numbers.js';
import { readXml, type XmlHandler, xmlRootOf } from '../../xml.js';

const DEVICE = 'polar';

/** Elements of which the text is one value. */
const FIELDS = ['time', 'recording-rate', 'type'];

/** Characters of such a text. */
const MAX_FIELD_LENGTH = 64;

/** `polar-exercise-data`. */
export const polarXml: FileFormat = {
  name: 'polar-xml',
  title: 'Polar, XML',
  recognizes: (head) => xmlRootOf(head) === 'polar-exercise-data',
  read(bytes, context) {
    const gather = createGatherer();
    return readXml(bytes, createHandler(gather, context), gather.take);
  },
};

function createHandler(gather: Gatherer, context: FormatContext): XmlHandler {
  let element = '';
  let text = '';
  let fields = new Map<string, string>();
  let count = 0;
  let firstMs: number | null = null;
  function isWanted(): boolean {
    return element === 'values' && fields.get('type')?.trim().toUpperCase() === 'HEARTRATE';
  }
  function tell(values: readonly string[]): void {
    const stepMs = (toNumber(fields.get('recording-rate')) ?? Number.NaN) * 1_000;
    for (const value of values) {
      gather.value(DEVICE, firstMs === null ? null : firstMs + count * stepMs, toNumber(value));
      count += 1;
    }
  }
  return {
    open(name) {
      element = name;
      text = '';
      if (name === 'exercise') fields = new Map();
      if (!isWanted()) return;
      count = 0;
      const wallMs = wallMsOf(fields.get('time') ?? '');
      firstMs = wallMs === null ? null : zonedMs(wallMs, context);
    },
    text(more) {
      if (!isWanted()) {
        text = (text + more).slice(0, MAX_FIELD_LENGTH);
        return;
      }
      const values = (text + more).split(',');
      // It may go on.
      text = (values.pop() ?? '').slice(0, MAX_FIELD_LENGTH);
      tell(values);
    },
    close(name) {
      if (name === element && isWanted() && text.trim() !== '') tell([text]);
      // The first time is the exercise's: what is within has others.
      else if (name === element && FIELDS.includes(name) && !(name === 'time' && fields.has('time')))
        fields.set(name, text);
      element = '';
      text = '';
    },
  };
}
