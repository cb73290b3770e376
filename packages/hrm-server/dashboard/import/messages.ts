/** What the page of files and its worker say to each other. The worker says one thing at a time, and goes on when it is told to. */
import type { FileAccount } from 'hrm-core/formats';

/** The first message to the worker. */
export interface Order {
  readonly file: File;
  /** Of times that have none; `null`: such a file is refused. */
  readonly timeZone: string | null;
  /** Whether readings are wanted, or accounts alone. */
  readonly wantsReadings: boolean;
  /** Readings that were accepted before, from the beginning of the file on: they are passed over. */
  readonly skipReadings: number;
}

/** Readings of one device: arrays of one length. */
export interface FoundSeries {
  /** Where the file says whose they are. */
  readonly userId?: string | undefined;
  readonly deviceId: string;
  /** Epoch milliseconds. */
  readonly timesMs: number[];
  /** bpm. */
  readonly heartRates: number[];
}

/** What the worker says of a file. */
export type Finding =
  | { readonly type: 'progress'; readonly readBytes: number }
  | { readonly type: 'readings'; readonly count: number; readonly series: readonly FoundSeries[] }
  | { readonly type: 'account'; readonly name: string; readonly title: string; readonly account: FileAccount }
  /** No format knows it; within an archive that is usual. */
  | { readonly type: 'unknown'; readonly name: string }
  /** It is not for browsers: the server reads it. */
  | { readonly type: 'for_server'; readonly name: string }
  | { readonly type: 'failed'; readonly name: string; readonly code: string; readonly message: string };

/** What the worker says. */
export type Message = Finding | { readonly type: 'done' };
