/** Its windows take readings later than their start, up to and with their end; a minute here begins with its first millisecond. */
const WINDOW_END_MS = 59_999;
const MINUTE_MS = 60_000;

const FUNCTIONS = ['sum', 'count', 'min', 'max'];

/** @type {import('./peer.js').Database} */
export const VICTORIA_METRICS = {
  command: 'victoria-metrics',
  acknowledges: 'in memory',
  args: (directory, [port]) => [
    `-storageDataPath=${directory}`,
    `-httpListenAddr=127.0.0.1:${port}`,
    '-retentionPeriod=100y',
    '-search.maxPointsPerTimeseries=1000000',
    '-search.maxSamplesPerSeries=100000000',
    '-search.latencyOffset=0s',
    '-selfScrapeInterval=0s',
    '-loggerLevel=ERROR',
  ],
  readyPath: '/health',
  prepare: async () => undefined,
  async settle(peer) {
    await peer.send('GET', '/internal/force_flush');
    await peer.send('GET', '/internal/force_merge');
  },
  writePath: '/write?precision=ms',
  questionPath({ userId, fromMs, toMs }) {
    const of = (/** @type {string} */ name) =>
      `alias(${name === 'count' ? 'sum' : name}(${name}_over_time(heart_rate_value{user_id="${userId}"}[1m])), "${name}")`;
    const range = { start: seconds(fromMs + WINDOW_END_MS), end: seconds(toMs - 1), step: '60s' };
    // Without its cache, which would answer the second time; and it would move the windows.
    const options = { nocache: '1', query: `union(${FUNCTIONS.map(of).join(', ')})` };
    return `/api/v1/query_range?${new URLSearchParams({ ...range, ...options })}`;
  },
  minutesOf(body) {
    /** @type {Map<number, Record<string, number>>} */
    const minutes = new Map();
    for (const { metric, values } of JSON.parse(body.toString()).data.result) {
      for (const [endSeconds, value] of values) {
        const minuteMs = Math.floor((endSeconds * 1_000) / MINUTE_MS) * MINUTE_MS;
        const minute = minutes.get(minuteMs) ?? {};
        minute[metric.__name__] = Number(value);
        minutes.set(minuteMs, minute);
      }
    }
    return [...minutes]
      .sort(([a], [b]) => a - b)
      .map(([minuteMs, { sum = 0, count = 0, min = 0, max = 0 }]) => ({
        minuteMs,
        mean: sum / count,
        min,
        max,
        count,
      }));
  },
};

/** @param {number} ms */
function seconds(ms) {
  return String(ms / 1_000);
}
