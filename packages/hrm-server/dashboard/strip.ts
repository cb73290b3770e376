/** A heart as a small line: the last minutes, second by second, or a day. */
import { cssValue } from './dom.js';
import type { Rows } from './rows.js';

/** A calm heart must not look wild. */
const LEAST_SPAN_BPM = 30;

/** @param maxGapMs - between rows whose beginnings are further apart no line is drawn. */
export function drawStrip(canvas: HTMLCanvasElement, rows: Rows, fromMs: number, toMs: number, maxGapMs: number): void {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((px) => Math.round(px * devicePixelRatio));
  if (width === undefined || height === undefined || width === 0) return;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d');
  if (context === null || rows.length === 0) return;
  const line = 2 * devicePixelRatio;
  const means = rows.mean.subarray(0, rows.length);
  const least = means.reduce((low, rate) => Math.min(low, rate), Number.POSITIVE_INFINITY);
  const most = means.reduce((high, rate) => Math.max(high, rate), Number.NEGATIVE_INFINITY);
  const span = Math.max(LEAST_SPAN_BPM, most - least);
  const bottom = (least + most - span) / 2;
  const x = (ms: number) => ((ms - fromMs) / (toMs - fromMs)) * width;
  const y = (bpm: number) => height - line - ((bpm - bottom) / span) * (height - 2 * line);
  context.strokeStyle = cssValue('--accent');
  context.lineWidth = line;
  context.lineJoin = 'round';
  context.lineCap = 'round';
  context.beginPath();
  for (let i = 0; i < rows.length; i += 1) {
    const [atMs, rate] = [rows.startMs[i] ?? 0, rows.mean[i] ?? 0];
    const isNear = i > 0 && atMs - (rows.startMs[i - 1] ?? 0) <= maxGapMs;
    if (!isNear) context.moveTo(x(atMs), y(rate));
    // A reading that is alone is a dot.
    context.lineTo(x(atMs), y(rate));
  }
  context.stroke();
}
