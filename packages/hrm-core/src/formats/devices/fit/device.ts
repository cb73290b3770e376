import { toDeviceId } from '../../device-id.js';

/** Makers whose devices measure heart rates, by their numbers in the profile. A name stays for ever: it is a part of ids. */
const MAKERS: Readonly<Record<number, string>> = {
  1: 'garmin',
  3: 'zephyr',
  6: 'srm',
  15: 'dynastream',
  16: 'timex',
  23: 'suunto',
  32: 'wahoo',
  40: 'concept2',
  48: 'pioneer',
  69: 'stages',
  70: 'sigmasport',
  71: 'tomtom',
  73: 'wattbike',
  89: 'tacx',
  95: 'stryd',
  123: 'polar',
  255: 'development',
  260: 'zwift',
  265: 'strava',
  267: 'bryton',
  289: 'hammerhead',
  294: 'coros',
};

/** What a file says of a device; `undefined` where it says nothing. */
export interface FitDevice {
  readonly maker: number | undefined;
  readonly product: number | undefined;
  readonly serial: number | undefined;
}

/** `garmin-3415-3939412345`; what is not known is left out, and a serial number of 0 is none. */
export function fitDeviceId({ maker, product, serial }: FitDevice, fallback: string): string {
  const parts: (string | number)[] = [];
  if (maker !== undefined) parts.push(MAKERS[maker] ?? `maker-${maker}`);
  if (maker !== undefined && product !== undefined) parts.push(product);
  if (serial !== undefined && serial !== 0) parts.push(serial);
  return toDeviceId(parts.join('-'), fallback);
}
