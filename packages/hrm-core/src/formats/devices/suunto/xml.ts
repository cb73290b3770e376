/** Suunto: SML and XML of its watches. Heart rates are in hertz, and there may be two roots. */
import { toDeviceId } from '../../device-id.js';
import type { FileFormat } from '../../file-format.js';
import { decodeHead } from '../../text/decode-text.js';
import { createGatherer, type Gatherer } from '../../text/gather.js';
import { utcInstant } from '../../text/local-time.js';
import { toNumber } from '../../text/numbers.js';
import { readXml, type XmlHandler, xmlRootOf } from '../../xml.js';

const FALLBACK = 'suunto';

/** Beats a minute of one a second. */
const PER_MINUTE = 60;

/** Elements of which the text is a value; longer texts are none. */
const FIELDS = ['hr', 'utc', 'name', 'serialnumber'];
const MAX_FIELD_LENGTH = 200;

/** `.sml` of the app, `log-….xml` of Movescount. */
export const suuntoXml: FileFormat = {
  name: 'suunto-xml',
  title: 'Suunto, SML or XML',
  recognizes(head) {
    const root = xmlRootOf(head);
    if (root === 'sml' || root === 'DeviceLog') return true;
    return root === 'header' && /<(?:samples|Duration|Activity)\b/i.test(decodeHead(head));
  },
  read(bytes) {
    const gather = createGatherer();
    return readXml(bytes, createHandler(gather), gather.take);
  },
};

function createHandler(gather: Gatherer): XmlHandler {
  let element = '';
  let text = '';
  let isSample = false;
  let isDevice = false;
  let name = '';
  let serial = '';
  let sample = new Map<string, string>();
  function tellSample(): void {
    const rate = sample.get('hr');
    if (rate === undefined) return;
    const hertz = toNumber(rate);
    const deviceId = toDeviceId(`${name} ${serial}`, FALLBACK);
    gather.value(deviceId, utcInstant(sample.get('utc')), hertz === null ? null : hertz * PER_MINUTE);
  }
  return {
    open(opened) {
      element = opened.toLowerCase();
      text = '';
      if (element === 'device') isDevice = true;
      if (element !== 'sample') return;
      isSample = true;
      sample = new Map();
    },
    text(more) {
      if (FIELDS.includes(element)) text = (text + more).slice(0, MAX_FIELD_LENGTH);
    },
    close(closed) {
      const closing = closed.toLowerCase();
      if (closing === 'sample') {
        tellSample();
        isSample = false;
        sample = new Map();
      } else if (closing === 'device') isDevice = false;
      else if (closing === element && isSample && !sample.has(closing)) sample.set(closing, text);
      else if (closing === element && isDevice && closing === 'name') name ||= text;
      else if (closing === element && isDevice && closing === 'serialnumber') serial ||= text;
      element = '';
    },
  };
}
