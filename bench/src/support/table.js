/** Rows for people. */

/** @typedef {import('./figure.js').Row} Row */

const HEADS = ['', 'value', 'against', 'its value', 'ratio', 'min..max', 'CPU ratio', 'target', ''];

/**
 * Prints a figure's rows as a table.
 * @param {string} name
 * @param {readonly Row[]} rows
 */
export function printRows(name, rows) {
  const lines = [HEADS, ...rows.map(toCells)];
  const widths = HEADS.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const isNumber = [false, true, false, true, true, false, true, false, false];
  process.stdout.write(`${name}\n`);
  for (const cells of lines) {
    const padded = cells.map((cell, column) => {
      const width = widths[column] ?? 0;
      return isNumber[column] ? cell.padStart(width) : cell.padEnd(width);
    });
    process.stdout.write(`  ${padded.join('  ').trimEnd()}\n`);
  }
  process.stdout.write('\n');
}

/** @param {Row} row */
function toCells({ what, limit, unit, value, limitValue, ratio, ratioMin, ratioMax, cpuRatio, note, target }) {
  return [
    what,
    `${round(value)} ${unit}`,
    limit,
    round(limitValue),
    round(ratio),
    `${round(ratioMin)}..${round(ratioMax)}`,
    cpuRatio === null ? '' : round(cpuRatio),
    target === null ? '' : toTarget(target),
    note,
  ];
}

/** @param {NonNullable<Row['target']>} target */
function toTarget({ of, bound, got, met }) {
  const sign = of === 'ratio' ? (met ? '>=' : '<') : met ? '<=' : '>';
  return `${of} ${round(got)} ${sign} ${bound}${met ? '' : ' MISSED'}`;
}

/** @param {number} value */
function round(value) {
  if (value >= 1_000_000) return `${(value / 1_000_000).toFixed(2)}M`;
  if (value >= 10_000) return `${(value / 1_000).toFixed(0)}k`;
  return value >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();
}
