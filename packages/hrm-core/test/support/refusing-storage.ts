/** A storage that refuses some readings for what they hold, as one with rules of its own may. */
import { HrmError, type Storage } from '../../src/index.js';
import { decodeBytes } from './whole-files.js';

/** The heart rate of a reading that is refused. */
export const REFUSED_BPM = 199;

/** The storage, until `isMended` refusing every part with a reading of {@link REFUSED_BPM}; counts what it was asked. */
export function refusingStorage(storage: Storage): Storage & { isMended: boolean; publishes: number } {
  const refusing = {
    ...storage,
    isMended: false,
    publishes: 0,
    async publish(...args: Parameters<Storage['publish']>) {
      refusing.publishes += 1;
      const { columns } = await decodeBytes(new Uint8Array(args[2]));
      if (columns.heartRate.includes(REFUSED_BPM) && !refusing.isMended) {
        throw new HrmError('this storage takes no such reading', { kind: 'data', code: 'unstorable_readings' });
      }
      return storage.publish(...args);
    },
  };
  return refusing;
}
