/** The worker of the page of files: it reads a file, so that the page goes on living meanwhile. */
import {
  FILE_FORMATS,
  HEAD_BYTES,
  hasOwnRows,
  isForImport,
  type JudgedReadings,
  readDroppedFile,
  readHealthFile,
} from 'hrm-core/formats';
import type { FoundSeries, Message, Order } from './messages.js';

/** Readings of one message, and of one request. */
const MAX_BATCH = 50_000;
/** Between two messages of progress, ms. */
const TELL_EVERY_MS = 200;

/** Of a worker's global scope what is used here. */
interface Scope {
  postMessage(message: Message): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<Order | 'next'>) => void): void;
}

const scope = globalThis as unknown as Scope;
let goOn: () => void = () => undefined;

scope.addEventListener('message', ({ data }) => {
  if (data === 'next') goOn();
  else void run(data);
});

/** Says something, and waits until the page wants more. */
function say(message: Message): Promise<void> {
  return new Promise((resolve) => {
    goOn = resolve;
    scope.postMessage(message);
  });
}

async function run(order: Order): Promise<void> {
  const { name } = order.file;
  const progress = countBytes(order.file);
  const batch = order.wantsReadings ? createBatch(order.skipReadings) : null;
  const faults: Message[] = [];
  const onFault = (fault: { readonly name: string; readonly problem: string }) => {
    faults.push({ type: 'failed', name: fault.name, code: 'invalid_input', message: fault.problem });
  };
  async function tell(): Promise<void> {
    const readBytes = progress.toTell();
    if (readBytes !== null) await say({ type: 'progress', readBytes });
    for (const fault of faults.splice(0)) await say(fault);
  }
  try {
    for await (const { name: fileName, read, file } of readDroppedFile(progress.blob, name, onFault)) {
      await tell();
      try {
        // Of an archive nothing is for the server, which would get all of it.
        const isWhole = fileName === name;
        const head = await headOf(read());
        if (isWhole && isForImport(head)) {
          await say({ type: 'for_server', name });
          continue;
        }
        const options = { fileName, file, nowMs: Date.now(), timeZone: order.timeZone ?? undefined };
        const readings = readHealthFile(read(), options);
        let next = await readings.next();
        for (; next.done !== true; next = await readings.next()) {
          await batch?.add(next.value);
          await tell();
        }
        await batch?.flush();
        if (next.value === null)
          await say({ type: isWhole && hasOwnRows(head) ? 'for_server' : 'unknown', name: fileName });
        else await say({ type: 'account', name: fileName, title: titleOf(next.value.format), account: next.value });
      } catch (error) {
        await say(failed(fileName, error));
      }
    }
    await tell();
  } catch (error) {
    await say(failed(name, error));
  }
  await say({ type: 'done' });
}

/** As many bytes as tell what a file is. */
async function headOf(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  for await (const piece of pieces) return piece.subarray(0, HEAD_BYTES);
  return new Uint8Array(0);
}

function titleOf(format: string): string {
  return FILE_FORMATS.find(({ name }) => name === format)?.title ?? format;
}

/** @throws what is a fault of this program. */
function failed(name: string, error: unknown): Message {
  if (!(error instanceof Error)) throw error;
  const { code = error.name, message } = error as Error & { readonly code?: string | number };
  return { type: 'failed', name, code: String(code), message };
}

/** A file that counts what is read of it; every place once, whoever looks how often. */
function countBytes(file: File) {
  let [readBytes, toldBytes, toldMs] = [0, 0, 0];
  const counted: Pick<Blob, 'size' | 'slice'> = {
    size: file.size,
    slice(from = 0, to = file.size) {
      // The directory of an archive, at its end, is read first.
      if (from <= readBytes) readBytes = Math.max(readBytes, Math.min(to, file.size));
      return file.slice(from, to);
    },
  };
  return {
    blob: counted as Blob,
    /** `null`: there is nothing new, or it was told a moment ago. */
    toTell(): number | null {
      const nowMs = performance.now();
      if (readBytes === toldBytes || nowMs - toldMs < TELL_EVERY_MS) return null;
      toldMs = nowMs;
      toldBytes = readBytes;
      return readBytes;
    },
  };
}

/** Gathers readings, and says them when there are many. */
function createBatch(skipReadings: number) {
  let left = skipReadings;
  let series = new Map<string, FoundSeries>();
  let count = 0;

  async function flush(): Promise<void> {
    if (count === 0) return;
    const message: Message = { type: 'readings', count, series: [...series.values()] };
    series = new Map();
    count = 0;
    await say(message);
  }

  return {
    flush,
    async add({ userId, deviceId, timesMs, heartRates }: JudgedReadings): Promise<void> {
      const passed = Math.min(left, timesMs.length);
      left -= passed;
      for (let i = passed; i < timesMs.length; i += 1) {
        const key = `${userId ?? ''}\n${deviceId}`;
        let one = series.get(key);
        if (one === undefined) {
          one = { userId, deviceId, timesMs: [], heartRates: [] };
          series.set(key, one);
        }
        one.timesMs.push(timesMs[i] as number);
        one.heartRates.push(heartRates[i] as number);
        count += 1;
        if (count === MAX_BATCH) await flush();
      }
    },
  };
}
