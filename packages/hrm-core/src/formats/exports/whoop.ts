/** WHOOP: its export has averages of cycles, nights and workouts, and no series. It is known so that it can be said. */
import { tableFormat } from '../text/table-format.js';

/** `physiological_cycles.csv`, `sleeps.csv`, `workouts.csv`, `journal_entries.csv`. */
export const whoop = tableFormat({
  name: 'whoop',
  title: 'WHOOP export',
  isHeader: (names) => names.includes('cycle start time') && names.includes('cycle timezone'),
  createReader(names, gather) {
    gather.note(
      'no_series',
      'the export of WHOOP has no series of heart rates, only averages, and they are no readings: nothing is taken',
    );
    const hasAverages = names.some((name) => name.includes('heart rate') || name.includes('hr (bpm)'));
    return { row: () => gather.drop('summary', hasAverages ? 1 : 0) };
  },
});
