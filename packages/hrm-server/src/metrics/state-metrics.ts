import { type CheckName, HEALTH_STATUSES, type Health, queuedCounts, statusOfIssues } from 'hrm-core';
import { Gauge, type Registry } from 'prom-client';

const CHECKS: readonly CheckName[] = ['service', 'queue', 'storage'];

/**
 * What the health check sees. Nothing is asked for the scrape alone: figures are those of the shared check, of less than a
 * second ago. What it could not find out is absent rather than stale.
 * @returns what brings the figures up to date, within the time that a health check may take; never throws.
 */
export function addStateMetrics(registry: Registry, health: Pick<Health, 'look'>): () => Promise<void> {
  // Processes of one service see the same queue: adding up would count it several times.
  const shared: { aggregator: 'max'; registers: Registry[] } = { aggregator: 'max', registers: [registry] };
  const readings = new Gauge({
    name: 'hrm_queue_readings',
    help: 'Readings in the queue: waiting for a consumer, or claimed by one.',
    labelNames: ['state'],
    ...shared,
  });
  const deadLetters = new Gauge({ name: 'hrm_queue_dead_letters', help: 'Dead letters kept.', ...shared });
  const endedClaims = new Gauge({
    name: 'hrm_queue_ended_claims',
    help: 'Claims whose consumer is gone, to be taken over.',
    ...shared,
  });
  const age = new Gauge({
    name: 'hrm_queue_oldest_age_seconds',
    help: 'The lag: how long the oldest reading that can be claimed has waited; 0 when there is none, absent where the queue cannot tell.',
    ...shared,
  });
  const highWater = new Gauge({
    name: 'hrm_queue_high_water_readings',
    help: 'Readings in the queue from which on no more are accepted.',
    ...shared,
  });
  const free = new Gauge({
    name: 'hrm_space_free_bytes',
    help: 'Room left under queue and storage, where that can be told.',
    labelNames: ['place'],
    ...shared,
  });
  const total = new Gauge({
    name: 'hrm_space_total_bytes',
    help: 'Room under queue and storage in all, where that can be told.',
    labelNames: ['place'],
    ...shared,
  });
  const freeInodes = new Gauge({
    name: 'hrm_space_free_inodes',
    help: 'Files that can still be made under queue and storage, where that is counted.',
    labelNames: ['place'],
    ...shared,
  });
  const totalInodes = new Gauge({
    name: 'hrm_space_total_inodes',
    help: 'Files that there can be under queue and storage in all, where that is counted.',
    labelNames: ['place'],
    ...shared,
  });
  const status = new Gauge({
    name: 'hrm_health_status',
    help: '1 for the status that a check of /health has, 0 for the others.',
    labelNames: ['check', 'status'],
    ...shared,
  });

  const alone = [deadLetters, endedClaims, age, highWater];
  return async () => {
    const { issues, queue, space } = await health.look();
    for (const gauge of [readings, free, total, freeInodes, totalInodes]) gauge.reset();
    for (const gauge of alone) gauge.remove();
    if (queue !== null) {
      readings.set({ state: 'waiting' }, queue.readings);
      readings.set({ state: 'claimed' }, queue.claimedReadings);
      if (queue.deadLetters !== null) deadLetters.set(queue.deadLetters);
      endedClaims.set(queue.endedClaims);
      const { oldestAgeMs } = queuedCounts(queue, queue.nowMs);
      if (oldestAgeMs !== undefined) age.set((oldestAgeMs ?? 0) / 1_000);
      highWater.set(queue.highWater);
    }
    for (const { place, ...room } of space) {
      if (room.freeBytes !== null) free.set({ place }, room.freeBytes);
      if (room.totalBytes !== null) total.set({ place }, room.totalBytes);
      if (room.freeInodes != null) freeInodes.set({ place }, room.freeInodes);
      if (room.totalInodes != null) totalInodes.set({ place }, room.totalInodes);
    }
    for (const check of CHECKS) {
      const worst = statusOfIssues(issues.filter((issue) => issue.check === check));
      for (const one of HEALTH_STATUSES) status.set({ check, status: one }, one === worst ? 1 : 0);
    }
  };
}
