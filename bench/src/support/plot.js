/** Small multiples of lines over logarithmic axes, as one SVG that brings its own background, light or dark. */

/**
 * @typedef {object} Series
 * @property {string} title
 * @property {string} unit of the values
 * @property {readonly { x: number, value: number, min: number, max: number }[]} points ascending
 */

const COLUMNS = 3;
const PANEL = { width: 300, height: 220, left: 52, right: 20, top: 38, bottom: 30 };

const STYLE = `
  svg { font: 11px system-ui, sans-serif; --back: #ffffff; --text: #1f2328; --faint: #d1d9e0; --line: #0969da; --even: #8c959f }
  @media (prefers-color-scheme: dark) {
    svg { --back: #0d1117; --text: #e6edf3; --faint: #30363d; --line: #58a6ff; --even: #6e7681 }
  }
  .back { fill: var(--back) } text { fill: var(--text) } .title { font-weight: 600; font-size: 12px }
  .grid { stroke: var(--faint) } .even { stroke: var(--even); stroke-dasharray: 4 4 }
  .line, .spread { stroke: var(--line); stroke-width: 2; fill: none } .spread { stroke-width: 1 } circle { fill: var(--line) }`;

/**
 * The plot. A dashed line in each panel grows (of a rate: falls) as fast as x does.
 * @param {readonly Series[]} series
 */
export function renderPlot(series) {
  const width = COLUMNS * PANEL.width;
  const height = Math.ceil(series.length / COLUMNS) * PANEL.height;
  const panels = series.map((one, i) => {
    const place = `${(i % COLUMNS) * PANEL.width} ${Math.floor(i / COLUMNS) * PANEL.height}`;
    return `<g transform="translate(${place})">${renderPanel(one)}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="How cost grows">
<style>${STYLE}
</style>
<rect class="back" width="${width}" height="${height}" rx="8"/>
${panels.join('\n')}
</svg>
`;
}

/** @param {Series} series */
function renderPanel({ title, unit, points }) {
  const [first, last] = [points.at(0), points.at(-1)];
  if (first === undefined || last === undefined) throw new Error(`${title} has no points`);
  const growth = unit.endsWith('/s') ? -1 : 1;
  // As high as its own values, and at least a decade, so that noise does not look like growth.
  const low = Math.min(...points.map(({ min }) => min)) / 1.5;
  const high = Math.max(...points.map(({ max }) => max), 10 * low) * 1.5;
  const x = scale([first.x, last.x], [PANEL.left, PANEL.width - PANEL.right]);
  const y = scale([low, high], [PANEL.height - PANEL.bottom, PANEL.top]);
  const ticks = [1, 2, 5].flatMap((digit) => Array.from({ length: 16 }, (_, power) => digit * 10 ** (power - 6)));
  const shown = ticks.filter((tick) => tick >= low && tick <= high && (high / low < 50 || Math.log10(tick) % 1 === 0));
  const grid = shown.map(
    (tick) => `<line class="grid" x1="${PANEL.left}" x2="${PANEL.width - PANEL.right}" y1="${y(tick)}" y2="${y(tick)}"/>
<text x="${PANEL.left - 6}" y="${y(tick)}" dy="4" text-anchor="end">${short(tick)}</text>`,
  );
  const marks = points.map(
    (point) => `<line class="spread" x1="${x(point.x)}" x2="${x(point.x)}" y1="${y(point.min)}" y2="${y(point.max)}"/>
<circle cx="${x(point.x)}" cy="${y(point.value)}" r="3"/>
<text x="${x(point.x)}" y="${PANEL.height - 12}" text-anchor="middle">${short(point.x)}</text>`,
  );
  // Where it leaves the panel, at the top or at the bottom.
  const leaves = growth > 0 ? (first.x * high) / first.value : (first.x * first.value) / low;
  const endX = Math.min(last.x, leaves);
  const even = [x(first.x), y(first.value), x(endX), y(first.value * (endX / first.x) ** growth)];
  return `<text class="title" x="${PANEL.left}" y="22">${title}, ${unit}</text>
${grid.join('\n')}
<line class="even" x1="${even[0]}" y1="${even[1]}" x2="${even[2]}" y2="${even[3]}"/>
<polyline class="line" points="${points.map((point) => `${x(point.x)},${y(point.value)}`).join(' ')}"/>
${marks.join('\n')}`;
}

/**
 * Places on a logarithmic axis.
 * @param {readonly [number, number]} domain
 * @param {readonly [number, number]} range
 * @returns {(value: number) => number}
 */
function scale([from, to], [start, end]) {
  return (value) => Number((start + ((end - start) * Math.log(value / from)) / Math.log(to / from)).toFixed(1));
}

/** @param {number} value */
function short(value) {
  if (value >= 1_000_000) return `${value / 1_000_000}M`;
  return value >= 1_000 ? `${value / 1_000}k` : String(Number(value.toPrecision(3)));
}
