/**
 * How strings of a file are read. hyparquet takes a byte order mark off the beginning of each, so that one id would be read as
 * another: a reading of `\ufeffana` as one of `ana`.
 */
import type { ParquetParsers } from 'hyparquet';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** For all that hyparquet reads. */
export const STRING_PARSERS: Pick<ParquetParsers, 'stringFromBytes'> = {
  stringFromBytes: (bytes) => bytes && decoder.decode(bytes),
};
