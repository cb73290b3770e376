/** What is shown, as files: the rows as CSV, the readings of the range as Parquet, the chart as a picture. */
import { isHrmError } from 'hrm-core/client';
import { explain, openClient } from './api.js';
import { toDate } from './clocks.js';
import { cssValue, find, showMessage } from './dom.js';
import type { Range } from './range.js';
import type { Rows } from './rows.js';

/** What is shown now. */
export interface Shown {
  readonly userId: string;
  readonly range: Range;
  /** `null`: of all devices. */
  readonly deviceId: string | null;
  readonly rows: Rows;
  /** What stands above the chart. */
  readonly title: string;
}

const COLUMNS = 'timestamp,heart_rate,min,max,count,device_ids';

/** Binds the buttons. @param shown - `null`: there is nothing. */
export function bindDownloads(shown: () => Shown | null): void {
  const on = (id: string, make: (what: Shown) => Promise<Blob | null>, extension: string) =>
    find(id, HTMLButtonElement).addEventListener('click', () => {
      const what = shown();
      if (what === null) return;
      make(what)
        .then((file) => file && save(file, `heart-rate-${toDate(what.range.fromMs)}.${extension}`))
        .catch((error: unknown) => {
          if (!isHrmError(error)) throw error;
          showMessage(explain(error));
        });
    });
  on('download-csv', async ({ rows }) => new Blob([csvOf(rows)], { type: 'text/csv' }), 'csv');
  on('download-parquet', readings, 'parquet');
  on('download-picture', picture, 'png');
}

/** The rows as the API has them. */
export function csvOf(rows: Rows): string {
  const lines = Array.from({ length: rows.length }, (_, i) => {
    const devices = JSON.stringify(rows.deviceSets[rows.deviceSet[i] ?? 0] ?? []).replaceAll('"', '""');
    const timestamp = new Date(rows.startMs[i] ?? 0).toISOString().replace('.000Z', 'Z');
    return [timestamp, rows.mean[i], rows.min[i], rows.max[i], rows.count[i], `"${devices}"`].join();
  });
  return `${[COLUMNS, ...lines].join('\r\n')}\r\n`;
}

async function readings({ userId, range: { fromMs: start, toMs: end }, deviceId }: Shown): Promise<Blob> {
  const pieces: BlobPart[] = [];
  const question = { userId, start, end, ...(deviceId !== null && { deviceId }) };
  for await (const piece of openClient().exportReadings(question, 'parquet')) pieces.push(Uint8Array.from(piece));
  return new Blob(pieces, { type: 'application/vnd.apache.parquet' });
}

const TITLE_PX = 44;

async function picture({ title }: Shown): Promise<Blob | null> {
  const drawn = find('chart', HTMLElement).querySelector('canvas');
  if (drawn === null) return null;
  const ratio = devicePixelRatio;
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [drawn.width, drawn.height + TITLE_PX * ratio];
  const context = canvas.getContext('2d');
  if (context === null) return null;
  context.fillStyle = cssValue('--card');
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = cssValue('--text');
  context.font = `600 ${16 * ratio}px system-ui, sans-serif`;
  context.fillText(title, 12 * ratio, 28 * ratio, canvas.width - 24 * ratio);
  context.drawImage(drawn, 0, TITLE_PX * ratio);
  return await new Promise((resolve) => canvas.toBlob(resolve));
}

function save(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
