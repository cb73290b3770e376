/** Polar: the XML of its former website. Lists of values at one interval, from a time of the wearer's clock on; either may stand behind the values. */
import { MAX_HELD_VALUES } from '../../../limits.js';
import type { FileFormat, FormatContext } from '../../file-format.js';
import { createGatherer, type Gatherer } from '../../text/gather.js';
import { laterBy, wallMsOf, zonedMs } from '../../text/local-time.js';
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
  async *read(bytes, context) {
    const gather = createGatherer();
    const { handler, end } = createHandler(gather, context);
    yield* readXml(bytes, handler, gather.take);
    end();
    yield* gather.take();
  },
};

/** The values of one list; of something else than heart rates, until its type is known. */
type Rates = (number | null)[];

function createHandler(gather: Gatherer, context: FormatContext) {
  let element = '';
  let text = '';
  /** Of the exercise. */
  let fields = new Map<string, string>();
  let lists: Rates[] = [];
  let held = 0;
  /** Of the list that is being read. */
  let type = '';
  let rates: Rates = [];

  function hold(values: readonly string[]): void {
    for (const value of values) {
      if (held < MAX_HELD_VALUES) rates.push(toNumber(value));
      else gather.tooLarge(`an exercise has more than ${MAX_HELD_VALUES} values`);
      held += 1;
    }
  }
  function endList(): void {
    if (type.trim().toUpperCase() === 'HEARTRATE') lists.push(rates);
    else held -= rates.length;
    [type, rates] = ['', []];
  }
  function endExercise(): void {
    endList();
    const wallMs = wallMsOf(fields.get('time') ?? '');
    const startMs = wallMs === null || lists.length === 0 ? null : zonedMs(wallMs, context);
    const stepMs = (toNumber(fields.get('recording-rate')) ?? Number.NaN) * 1_000;
    for (const list of lists)
      for (const [i, rate] of list.entries()) gather.value(DEVICE, laterBy(startMs, i * stepMs), rate);
    fields = new Map();
    lists = [];
    held = 0;
  }

  const handler: XmlHandler = {
    open(name) {
      element = name;
      text = '';
      // Where the one before was not closed.
      if (name === 'exercise') endExercise();
      else if (name === 'sample') endList();
    },
    text(more) {
      if (element !== 'values') {
        text = (text + more).slice(0, MAX_FIELD_LENGTH);
        return;
      }
      const values = (text + more).split(',');
      // It may go on.
      text = (values.pop() ?? '').slice(0, MAX_FIELD_LENGTH);
      hold(values);
    },
    close(name) {
      if (name === 'exercise') endExercise();
      else if (name === 'sample') endList();
      else if (name === element && name === 'values' && text.trim() !== '') hold([text]);
      else if (name === element && name === 'type') type ||= text;
      // The first time is the exercise's: what is within has others.
      else if (name === element && FIELDS.includes(name) && !fields.has(name)) fields.set(name, text);
      element = '';
      text = '';
    },
  };
  return { handler, end: endExercise };
}
