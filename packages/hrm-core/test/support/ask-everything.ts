/**
 * A process that answers all about a user, compacts, answers again, and prints both with what it took: `node ask-everything.mjs STORE USER`.
 * The compacted store is as it leaves it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, type DamageReport, devices, latest, query, type Storage } from '../../src/index.js';

/** `maxRSS` begins with that of the process that started this one; only Linux tells the peak of what runs now. */
function peakKiB(): number {
  const own = existsSync('/proc/self/status')
    ? /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
    : null;
  return Number(own?.[1] ?? process.resourceUsage().maxRSS);
}

const [, , directory = '', userId = ''] = process.argv;
const DAY_MS = Date.UTC(2024, 0, 15);
const damage: DamageReport[] = [];
const onDamage = (report: DamageReport) => damage.push(report);

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

let [lastTurnMs, stallMs] = [cpuMs(), 0];
setInterval(() => {
  stallMs = Math.max(stallMs, cpuMs() - lastTurnMs);
  lastTurnMs = cpuMs();
}, 1).unref();

async function answers(storage: Storage) {
  const day = { userId, start: DAY_MS, end: DAY_MS + 86_400_000 };
  const all = await devices({ storage }, { userId }, { onDamage });
  return {
    day: await query({ storage }, day, { onDamage }),
    // Cuts in minutes, and one device, so that readings are read.
    cut: await query({ storage }, { ...day, start: DAY_MS + 7_000_001, end: DAY_MS + 7_654_321 }, { onDamage }),
    device: await query({ storage }, { ...day, start: DAY_MS + 1, deviceId: all[0]?.deviceId ?? 'none' }, { onDamage }),
    devices: all,
    latest: await latest({ storage }, { userId }, { onDamage }),
  };
}

const storage = await openDirectoryStorage({ directory });
const before = await answers(storage);
const compactions = [];
for (let i = 0; i < 2; i += 1)
  compactions.push(await compact({ storage }, { all: true, sweepAfterMs: 0 }, { onDamage }));
const after = await answers(storage);
await storage.close();
const maxRssMiB = Math.round(peakKiB() / 1024);
const took = { maxRssMiB, stallMs: Math.round(stallMs), cpuMs: Math.round(cpuMs()) };
console.log(JSON.stringify({ before, after, compactions, damage, took }));
