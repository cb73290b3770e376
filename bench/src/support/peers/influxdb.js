import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** How long a shard is not written to before it is brought to one file. */
const COLD = '2s';

/** @type {import('./peer.js').Database} */
export const INFLUXDB = {
  command: 'influxd',
  acknowledges: 'in its log, synced',
  args(directory, [port, other]) {
    mkdirSync(directory, { recursive: true });
    const config = path.join(directory, 'influxdb.conf');
    const place = (/** @type {string} */ name) => JSON.stringify(path.join(directory, name));
    writeFileSync(
      config,
      `reporting-disabled = true
bind-address = "127.0.0.1:${other}"
[meta]
dir = ${place('meta')}
[data]
dir = ${place('data')}
wal-dir = ${place('wal')}
cache-snapshot-write-cold-duration = "${COLD}"
compact-full-write-cold-duration = "${COLD}"
query-log-enabled = false
[http]
bind-address = "127.0.0.1:${port}"
log-enabled = false
[monitor]
store-enabled = false
[subscriber]
enabled = false
`,
    );
    return ['-config', config];
  },
  readyPath: '/ping',
  prepare: (peer) => peer.send('POST', `/query?${new URLSearchParams({ q: 'CREATE DATABASE hrm' })}`),
  // It settles by itself, in the background.
  settle: async () => undefined,
  writePath: '/write?db=hrm&precision=ms',
  questionPath({ userId, fromMs, toMs }) {
    const q = `SELECT mean(value), min(value), max(value), count(value) FROM heart_rate WHERE user_id = '${userId}' AND time >= ${fromMs}ms AND time < ${toMs}ms GROUP BY time(1m) fill(none)`;
    return `/query?${new URLSearchParams({ db: 'hrm', epoch: 'ms', q })}`;
  },
  minutesOf(body) {
    const [{ series = [] }] = JSON.parse(body.toString()).results;
    return (series[0]?.values ?? []).map(
      (/** @type {[number, number, number, number, number]} */ [minuteMs, mean, min, max, count]) => ({
        minuteMs,
        mean,
        min,
        max,
        count,
      }),
    );
  },
};
