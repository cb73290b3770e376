/** All that is seen of a heart: chart, readout, lines, summary and table, of one set of rows. */
import { type FixedInterval, INTERVAL_MS } from 'hrm-core/client';
import { type Chart, type ChartEvents, createChart } from './chart.js';
import { zoneName } from './clocks.js';
import { LOOK_OF_ALL, lookOf, showChips } from './devices.js';
import { find, make } from './dom.js';
import { type Grid, makeGrid, placeRows } from './grid.js';
import { clearPanels, showSummary, showTable } from './panels.js';
import type { ChartLine } from './plot.js';
import { startsOfZones } from './profile.js';
import { describeMoment, describeRange, describeStep, type Range } from './range.js';
import type { Rows } from './rows.js';
import { rateText, texts } from './texts/texts.js';
import type { View } from './view.js';
import { summarize } from './zones.js';

/** What is seen. */
interface PictureContent {
  readonly view: View;
  /** What was asked for the view: its rows, and their range. */
  readonly interval: FixedInterval;
  readonly range: Range;
  /** All devices of the user. */
  readonly devices: readonly string[];
  /** A line each; `null`: of all devices together. Summary and table are of the first. */
  readonly lines: readonly { readonly deviceId: string | null; readonly rows: Rows }[];
}

/** What somebody wants to do with it; points are told by the moment that they begin at. */
export interface PictureEvents extends Pick<ChartEvents, 'onRange' | 'onOut'> {
  onChange(to: Partial<View>): void;
  onEnter(startMs: number): void;
}

/** The picture on the page. */
export interface Picture {
  show(content: PictureContent): void;
  /** Nothing of anybody is left. @param title - what stands there instead. */
  clear(title: string): void;
}

/** Puts it into its places. */
export function createPicture(events: PictureEvents): Picture {
  let drawn: { readonly grid: Grid; readonly lines: readonly ChartLine[] } | null = null;
  const chart: Chart = createChart(find('chart', HTMLElement), {
    ...events,
    onPoint: (index) => showPoint(drawn, index),
    onEnter(index) {
      const startMs = drawn?.grid.startsMs[index];
      if (startMs !== undefined) events.onEnter(startMs);
    },
  });

  function showHead({ view, range }: PictureContent, { stepMs }: Grid): string {
    const title = `${view.userId}, ${describeRange(view.range)}`;
    const zone = texts.chart.timesIn(zoneName(range.fromMs));
    find('chart-title', HTMLElement).textContent = title;
    find('chart-note', HTMLElement).textContent = texts.chart.about(describeStep(stepMs), zone);
    return title;
  }

  return {
    show(content) {
      const { view, interval, range, devices } = content;
      const grid = makeGrid(range.fromMs, range.toMs, INTERVAL_MS[interval]);
      const lines = content.lines.map(({ deviceId, rows }) => ({
        label: deviceId ?? texts.chart.allDevices,
        look: deviceId === null ? LOOK_OF_ALL : lookOf(Math.max(0, devices.indexOf(deviceId))),
        line: placeRows(grid, rows),
      }));
      drawn = { grid, lines };
      chart.show({ ...drawn, fromMs: range.fromMs, toMs: range.toMs, starts: startsOfZones(range.fromMs) });
      showChips(view, devices, events.onChange);
      const title = showHead(content, grid);
      const [first] = content.lines;
      if (first === undefined) {
        clearPanels();
        return;
      }
      showSummary(summarize(first.rows), first.deviceId);
      const table = find('table', HTMLDetailsElement);
      const fill = () => showTable(first.rows, INTERVAL_MS[interval], title);
      table.ontoggle = fill;
      if (table.open) fill();
    },
    clear(title) {
      drawn = null;
      chart.show(null);
      find('chart-title', HTMLElement).textContent = title;
      find('chart-note', HTMLElement).textContent = '';
      find('devices', HTMLFieldSetElement).replaceChildren(
        make('legend', { class: 'visually-hidden' }, texts.chart.lines),
      );
      clearPanels();
    },
  };
}

/** Says what is at a point of the chart. */
function showPoint(
  drawn: { readonly grid: Grid; readonly lines: readonly ChartLine[] } | null,
  index: number | null,
): void {
  const readout = find('readout', HTMLOutputElement);
  if (index === null || drawn === null) {
    readout.value = '';
    return;
  }
  const { grid, lines } = drawn;
  const said = lines.map(({ label, line }) => {
    const mean = line.mean[index];
    const name = lines.length > 1 ? `${label} ` : '';
    if (mean == null) return `${name}${texts.chart.noReadings}`;
    return `${name}${texts.chart.point(rateText(mean), line.min[index] ?? 0, line.max[index] ?? 0, line.count[index] ?? 0)}`;
  });
  readout.value = `${describeMoment(grid.startsMs[index] ?? 0, grid.stepMs)}: ${said.join('; ')}`;
}
