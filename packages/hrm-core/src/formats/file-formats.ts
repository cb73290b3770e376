import { fitFormat } from './devices/fit/fit.js';
import { gpxFormat } from './devices/gpx.js';
import { polarDay } from './devices/polar/day.js';
import { polarSession } from './devices/polar/session.js';
import { polarFlowCsv, polarHrm, polarSensorLogger } from './devices/polar/text-files.js';
import { polarXml } from './devices/polar/xml.js';
import { suuntoJson } from './devices/suunto/json.js';
import { suuntoXml } from './devices/suunto/xml.js';
import { tcxFormat } from './devices/tcx.js';
import { appleHealth } from './exports/apple-health.js';
import { fitbitApi, fitbitCsv, fitbitTakeout } from './exports/fitbit.js';
import { googleFit } from './exports/google-fit.js';
import { healthConnect } from './exports/health-connect.js';
import { huaweiJson, huaweiTrack } from './exports/huawei.js';
import { ouraApi, ouraCsv } from './exports/oura.js';
import { samsungBinning, samsungCsv } from './exports/samsung.js';
import { whoop } from './exports/whoop.js';
import { withings } from './exports/withings.js';
import { zepp } from './exports/zepp.js';
import type { FileFormat, FormatContext } from './file-format.js';
import { fhir } from './records/fhir.js';
import { openMhealth } from './records/open-mhealth.js';
import { peopleTable } from './tables/people-table.js';

/** The formats of devices and of health exports: one line each. The first that knows itself reads the file. */
export const FILE_FORMATS: readonly FileFormat[] = [
  fitFormat,
  tcxFormat,
  gpxFormat,
  appleHealth,
  healthConnect,
  polarXml,
  suuntoXml,
  polarHrm,
  huaweiTrack,
  fhir,
  openMhealth,
  googleFit,
  fitbitTakeout,
  fitbitApi,
  huaweiJson,
  samsungBinning,
  polarSession,
  polarDay,
  suuntoJson,
  ouraApi,
  fitbitCsv,
  samsungCsv,
  ouraCsv,
  withings,
  zepp,
  whoop,
  polarFlowCsv,
  polarSensorLogger,
  // It takes what no other knows.
  peopleTable,
];

/**
 * The format of what begins so; `undefined` where none knows it.
 * @param head - `HEAD_BYTES` bytes, or all.
 * @param columns - the names of a table's columns, where somebody says.
 */
export function recognizeFile(
  head: Uint8Array,
  fileName: string,
  columns?: FormatContext['columns'],
): FileFormat | undefined {
  if (columns !== undefined && peopleTable.hasHeader(head, { fileName, columns })) return peopleTable;
  return FILE_FORMATS.find((format) => format.recognizes(head, fileName));
}
