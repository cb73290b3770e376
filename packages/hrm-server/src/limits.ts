/**
 * Every bound of the server in one place: the name, the unit, the reason. What a user may change is a setting instead.
 * @module
 */

/** Bytes of one reading's body, unpacked. A reading with the longest ids, every character escaped, is under 2 KiB. */
export const MAX_READING_BYTES = 64 * 1024;

/** Bytes of a user's settings: a hundred of the longest ids with every character escaped, and the rest. */
export const MAX_SETTINGS_BYTES = 128 * 1024;

/** Bytes of a batch's body, unpacked: 10,000 readings at 1.6 KiB each, which the longest ids escaped come to. */
export const MAX_BATCH_BYTES = 16 * 1024 * 1024;

/**
 * Bytes of bodies held at once over all requests for a route, so that many large ones together cannot exhaust the memory. One client
 * has a quarter of them. Each route has its own, so that batches do not shut out single readings.
 */
export const MAX_HELD_BYTES = 256 * 1024 * 1024;

/** Milliseconds that a body may keep silent: what came of it is held meanwhile, against everybody's budget. */
export const MAX_BODY_IDLE_MS = 10_000;

/** Bytes of an answer that are put together before it is sent; a longer one is streamed, a day at a time. */
export const MAX_HELD_ANSWER_BYTES = 256 * 1024;

/** Rows of an answer that is put together at most, at 64 bytes each: three days of minutes. A question about more may be a long one. */
export const MAX_SHORT_ANSWER_ROWS = MAX_HELD_ANSWER_BYTES / 64;

/** Bytes of an answer from which on it is packed for who wants that; a smaller one fits in a network packet anyway. */
export const MIN_PACKED_BYTES = 1_024;

/** Steps of answers that are under way at once: as many as may wait for a storage, while one computes. */
export const MAX_ANSWER_STEPS = 16;

/**
 * Answers that are streamed at once: each holds files open and, packed, up to 1 MiB. One client has a quarter of them, so that
 * it shuts out nobody.
 */
export const MAX_LONG_ANSWERS = 100;

/**
 * Questions about devices that are worked at at once: each may have a user's devices of all days in hand, which are 70 MB at most.
 * One client has three quarters of them.
 */
export const MAX_DEVICE_STEPS = 4;

/** Answers about devices that are too long for one piece, at once: one of a client. */
export const MAX_LONG_DEVICE_ANSWERS = 4;

/** Milliseconds after which looking for a user's devices counts as a long answer: twenty years of days on a busy machine. */
export const LONG_SEARCH_MS = 5_000;

/** Batches that are taken at once: the objects of each are some megabytes, and as many share a sync of the queue. */
export const MAX_BATCH_STEPS = 16;

/**
 * Days that a client may begin at once, beside those around now and those that it sent last: of ten years' readings a request has as many. See
 * {@link MAX_DAYS_PER_SECOND}.
 */
export const MAX_BURST_DAYS = 4_000;

/**
 * Days that a client may begin a second in the long run, in each process: a busy disk stores as many, and a quiet one some times
 * more. A request goes into debt for 10,000 at most.
 */
export const MAX_DAYS_PER_SECOND = 100;

/** Bytes of a refused body that are read on and skipped: four times a batch, so that most senders get to their end. */
export const MAX_LINGER_BYTES = 4 * MAX_BATCH_BYTES;

/** Bytes of all refused bodies that are read on in a second: the largest batch takes two. With four times as many V8 collects each second. */
export const MAX_LINGER_BYTES_PER_SECOND = 8 * 1024 * 1024;

/** Bytes of refused bodies that are read in one turn of the event loop: a tenth of a millisecond. */
export const MAX_TURN_LINGER_BYTES = 256 * 1024;

/** Connections whose refused bodies are read on: some 80 KiB wait for each. Beyond it the oldest is cut. */
export const MAX_LINGERING = 500;

/** Bytes of bodies that are read in one turn of the event loop: half a millisecond. */
export const MAX_TURN_BODY_BYTES = 1024 * 1024;

/** Requests that wait on one connection for the one before them. Browsers and usual clients send none before its answer. */
export const MAX_PIPELINED_REQUESTS = 100;

/** Connections with more of them that are answered to the bound, some 5 MB each at worst; others are cut at once. */
export const MAX_OVERFULL_CONNECTIONS = 20;

/** Milliseconds of a turn of the event loop in which requests are begun: the others wait for the next turn. */
export const MAX_BEGIN_MS = 5;

/** Seconds after which a client that met `unavailable` should try again. */
export const RETRY_AFTER_SECONDS = 2;

/** Partitions that failed in one step that a log line lists; it counts them all. */
export const MAX_LOGGED_FAILURES = 20;

/** Connections that wait to be accepted, at most: Node's backlog is 511. A server that closes takes no more than that. */
export const MAX_WAITING_CONNECTIONS = 511;

/** How patient the watch over loops, queue and storage is, milliseconds. */
export interface WatchLimits {
  /** Between two looks at queue and storage: each writes a block to the disk. */
  readonly everyMs: number;
  /** Silence of a loop that is a stall, and how it is started anew; by default as core has it. */
  readonly consumerStallMs?: number;
  readonly compacterStallMs?: number;
  readonly graceMs?: number;
  readonly restartPauseMs?: number;
  /** For the loops to store or give back what they have in hand when the service closes; a call may hang for ever. */
  readonly closeLoopsMs: number;
  /** For queue and storage to close after that; they wait for the same call. */
  readonly closeDriversMs: number;
}

/** Damaged files that are remembered as logged; then all are forgotten, and logged again when they are met. */
export const MAX_REMEMBERED_DAMAGE = 1_000;

/** What `serve` uses. With the connections' 10 s, closing takes at most 35 s: less than a supervisor should wait (docs/guides/deploy.md). */
export const WATCH_LIMITS: WatchLimits = {
  everyMs: 10_000,
  closeLoopsMs: 20_000,
  closeDriversMs: 5_000,
};

/** How long the server waits for its clients, milliseconds. */
export interface ConnectionLimits {
  /** For the headers of a request, from its first byte. */
  readonly headersMs: number;
  /** For a whole request: 16 MiB at 2.2 Mbit/s. Those that are known to be long have a bound of their own. */
  readonly requestMs: number;
  /** For the next request of an idle connection. Node's 5 s cut clients off in the middle of a request. */
  readonly keepAliveMs: number;
  /** For a client that does not take what was written last: 64 to 400 KiB, so about 3 KiB/s. */
  readonly stalledMs: number;
  /** For an answer of which nothing comes, since a disk hangs; and for a request. */
  readonly silentMs: number;
  /** For the rest of a refused body, and for what comes behind the last request of a connection: it is read on and skipped. */
  readonly lingerMs: number;
  /** For requests that are on their way when the server closes: they are answered, on the last time of their connection. */
  readonly closeGraceMs: number;
  /** For requests in flight when the server closes; then their connections are cut. */
  readonly closeMs: number;
  /** Between two looks for connections that are over the first two. */
  readonly checkEveryMs: number;
  /** Connections at once, if the process may open so many files (see {@link CONNECTION_FILE_SHARE}): each costs some 20 KB. */
  readonly maxConnections: number;
}

/** What `serve` uses. */
export const CONNECTION_LIMITS: ConnectionLimits = {
  headersMs: 15_000,
  requestMs: 60_000,
  keepAliveMs: 75_000,
  stalledMs: 120_000,
  silentMs: 120_000,
  lingerMs: 10_000,
  closeGraceMs: 100,
  closeMs: 10_000,
  checkEveryMs: 5_000,
  maxConnections: 10_000,
};

/** Files that a process must be allowed to open, so that it can serve: a few connections, and as many files for storage and queue. */
export const MIN_FILES = 64;

/** Of the files that a process may open beside its own, for connections: the others are for the storage. */
export const CONNECTION_FILE_SHARE = 0.5;

/** Of all connections, for one address: a proxy is one, too. */
export const ADDRESS_SHARE = 0.5;

/** Files that a process is taken to be allowed where the system does not say: the least that is usual. */
export const USUAL_MAX_FILES = 256;

/** Requests under way at once; one API key has a quarter of them, so that it shuts out nobody. */
export const MAX_KEY_REQUESTS = 8_000;

/** Milliseconds between two lines of the log that say that connections are refused. */
export const REFUSED_LOG_EVERY_MS = 60_000;

/** Bytes of events that are put together before they are sent. */
export const MAX_LIVE_CHUNK_BYTES = 64 * 1024;

/** What a server bears of live streams. */
export interface LiveLimits {
  /** Streams at once: each holds a connection, and up to 10,000 readings for a client that is slow. */
  readonly maxStreams: number;
  /** Streams of one API key, so that it shuts out nobody: more than one person looks at. */
  readonly maxStreamsPerKey: number;
  /** Milliseconds of silence after which a stream says that it lives: less than proxies, and `silentMs`, bear. */
  readonly heartbeatMs: number;
  /** Milliseconds after which a client that lost its stream should come back. */
  readonly retryMs: number;
}

/** What `serve` uses. */
export const LIVE_LIMITS: LiveLimits = {
  maxStreams: 1_000,
  maxStreamsPerKey: 250,
  heartbeatMs: 15_000,
  retryMs: 2_000,
};

/** Refused requests of one kind that are logged in a minute; more are counted, and told of in one line. */
export const MAX_LOGGED_REFUSALS = 60;

/** Milliseconds in which so many are logged. */
export const REFUSAL_WINDOW_MS = 60_000;

/** Milliseconds that traces may take to leave when the service closes; a collector that is gone must not hold it up. */
export const FLUSH_MS = 2_000;
