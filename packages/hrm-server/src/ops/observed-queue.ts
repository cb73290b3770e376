import type { Queue } from 'hrm-core';
import type { Metrics } from '../metrics/index.js';

/** The queue, counting the readings that it takes. */
export function observeQueue(queue: Queue, metrics: Pick<Metrics, 'accepted'>): Queue {
  return {
    ...queue,
    push: (elements, options) =>
      queue.push(elements, options).then(() => {
        let readings = 0;
        for (const element of elements) readings += element.readings;
        metrics.accepted(readings);
      }),
  };
}
