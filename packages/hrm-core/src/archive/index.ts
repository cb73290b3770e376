/**
 * Everything about one person in one file, as the person may ask for it.
 * @module
 */

export {
  type PersonArchiveComponents,
  type PersonArchiveInput,
  type PersonArchiveOptions,
  personArchive,
} from './person-archive.js';
export { type ArchiveSummary, archiveText } from './readme.js';
