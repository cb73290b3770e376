/**
 * Every bound in one place: the name, the unit, the reason. What a user may change is a setting instead (settings.ts).
 * @module
 */

/** UTF-16 code units in a user_id or device_id, inclusive; the contract's bound. */
export const MAX_ID_LENGTH = 128;

/** UTF-16 code units in a timestamp, inclusive: one with nanoseconds and an offset has 35. Longer ones are not even read. */
export const MAX_TIMESTAMP_LENGTH = 100;

/** bpm, inclusive; below it is no living heart rate that a wearable reports. */
export const MIN_HEART_RATE_BPM = 30;

/** bpm, inclusive. */
export const MAX_HEART_RATE_BPM = 220;

/** Readings in one `enqueue` call; bounds the memory and the time that one request can take. */
export const MAX_ENQUEUE_READINGS = 10_000;

/** Readings in the series of one `enqueue` call: as columns they are 3 MB, and a tenth of the work of as many single ones. */
export const MAX_SERIES_READINGS = 100_000;

/**
 * Objects, arrays and members in one body: twice what 10,000 readings need, so that each may have five fields that are ignored, and
 * each of 1,000 readings 95. With ten times as many a batch held the process for 3 s and 600 MB.
 */
export const MAX_JSON_VALUES = 100_000;

/**
 * Values in the lists of one body that stand right in its readings, as those of series do: 100,000 instants and as many heart rates, and some
 * more, so that whoever sends more hears of readings.
 */
export const MAX_LIST_VALUES = 250_000;

/** Bytes of the pages of a Parquet file that is sent, unpacked: 100,000 rows that each have ids of 70 bytes. */
export const MAX_BATCH_RAW_BYTES = 16 * 1024 * 1024;

/** As {@link MAX_JSON_VALUES} in one reading: an object of 90,000 members is parsed in one go, and was 100 ms of work. */
export const MAX_READING_VALUES = 10_000;

/** Bytes of one string in a body, as it is written: as many as a whole reading may have. Those that count have 128 characters. */
export const MAX_JSON_STRING_BYTES = 64 * 1024;

/** Milliseconds between two readings of a series, inclusive: a day. */
export const MAX_SERIES_INTERVAL_MS = 86_400_000;

/** Readings in one queue element; the contract's bound on a JSON array in Redis. */
export const MAX_ELEMENT_READINGS = 1_000;

/** Faults listed in one error; more are only counted, so that a bad batch cannot make a large answer. */
export const MAX_FAULTS = 100;

/**
 * Bytes of queue elements in one claim: 50,000 readings of typical ids are 6 MB as JSON, of the longest ids 25 MB as columns and 90 MB as
 * JSON. A claim is taken in one piece: 25 MB held everybody up for 40 to 60 ms.
 */
export const MAX_CLAIM_BYTES = 16 * 1024 * 1024;

/** Queue elements in one claim; single-reading elements make a claim's bookkeeping grow with their number. */
export const MAX_CLAIM_ELEMENTS = 50_000;

/** Days that one query may span: ten years and some leap days. */
export const MAX_QUERY_DAYS = 3_660;

/** Observations on a page of a FHIR search where the client does not say how many: most of a day of minutes, half a megabyte. */
export const SEARCH_COUNT = 1_000;

/** Observations on a page of a FHIR search at most: a week of minutes, 8 MB. */
export const MAX_SEARCH_COUNT = 10_000;

/** Users of a page of the list of users where the caller does not say how many. */
export const LISTED_USERS = 100;

/** Users of such a page at most: of each some files are read for the newest reading. */
export const MAX_LISTED_USERS = 1_000;

/** Dates that the list of users looks at where the caller does not say since when: the newest that have something, a month. */
export const LISTED_DATES = 31;

/** Times that a reader lists a partition anew because files moved under it; each needs a compaction in between. */
export const MAX_SNAPSHOT_ATTEMPTS = 20;

/** Files merged at once; the rest waits for the next merge. Each is open meanwhile. */
export const MAX_MERGE_FILES = 1_000;

/**
 * Rows that a merge holds of a shared part: they may be of as many users, and putting 65,536 ids in order holds up the process for
 * a tenth of a second.
 */
export const SHARED_HELD_ROWS = 8_192;

/** Users that the filter of a shared part has, at most: 328 kB. One of more has none, and is looked into for everybody within its bounds. */
export const MAX_FILTER_USERS = 262_144;

/**
 * Bytes of shared parts' filters that an opened storage remembers, with the names of the parts: 40 users on each of 20,000 dates take
 * 8 MB, 10,000 on each of 1,000 take 13 MB.
 */
export const MAX_REMEMBERED_FILTERS_BYTES = 16 * 1024 * 1024;

/**
 * Rows of a row group, at most: 2.8 MB as columns. A day of a device at 1 Hz is one, since each costs 600 bytes besides its readings. A cut
 * hour of such a day decodes all of it, in a millisecond.
 */
export const ROW_GROUP_ROWS = 98_304;

/** Rows that a merge or a rollup holds at once: 45 MB as columns, a row group of each of sixteen files. */
export const MAX_MERGE_ROWS = 1_572_864;

/** Bytes of files merged into one, which is made in memory: some hundred million readings; larger files are left as they are. */
export const MAX_COMPACTED_BYTES = 128 * 1024 * 1024;

/** Readings that an answer merges, or a rollup is made of, at once: two devices' 18 hours at 1 Hz, some milliseconds' work. */
export const MAX_ANSWER_ROWS = 131_072;

/** Days of one answer that hold readings at once, where some are read ahead: 30 MB. The others hold a rollup. */
export const MAX_DAYS_HELD = 8;

/**
 * Devices of a user, over all days, that one answer is made of: 70 MB in memory. 600,000 were 400 MB. Nobody wears so many; what sends a new id
 * each day has them.
 */
export const MAX_HISTORY_DEVICES = 100_000;

/** Days of a user that one answer about devices looks through: a century, half a minute's work. Only files made elsewhere are of more. */
export const MAX_HISTORY_DAYS = 36_600;

/** Devices that a process remembers having accepted, over all users and days: 10 MB. */
export const MAX_NOTED_DEVICES = 200_000;

/** Device ids that the rows of one table name, about: 2 MB as text, 6 MB of the longest; a row that names more stands alone. */
export const MAX_TABLE_DEVICE_IDS = 16_384;

/**
 * How old the youngest part of a day that is over is before the day is brought to one file, whoever has looked meanwhile: consumers that have fallen behind,
 * devices that send what they kept, come every few minutes, and each such file rewrites the day.
 */
export const QUIET_AFTER_MS = 600_000;

/** Rows rewritten by one run of a compacter, about: some seconds of work, after which it looks anew at what is needed most. */
export const MAX_RUN_ROWS = 5_000_000;

/**
 * Work on shared parts of one date, in rows as {@link MAX_RUN_ROWS}, after which others have their turn: files of 500 users, some
 * seconds. 200,000 users are 20 minutes.
 */
export const MAX_PIECE_ROWS = 1_250_000;

/** Rows that take as long as looking at a user's files does, to see whether a slice is there: a tenth of {@link FILE_ROWS}. */
export const LOOK_ROWS = 250;

/**
 * Dates of which an opened storage remembers how far a split has come: mostly some hundred bytes each, and 45 kB where a thousand parts are
 * split together.
 */
export const MAX_SPLITS = 1_000;

/** Rows that take as long as making a compacted file does, whatever is in it: some milliseconds of syncs. */
export const FILE_ROWS = 2_500;

/** The latest `received_ms`, inclusive: its minute is stored as an INT32, which is the year 6053. */
export const MAX_RECEIVED_MS = 2 ** 31 * 60_000 - 1;

/** When readings of exports count as received, epoch milliseconds: before everything that was ever posted. */
export const RECEIVED_BEFORE_ALL = 0;

/** Bytes of one queue element; 1,000 readings of the longest ids, every character escaped, are 1.7 MB. */
export const MAX_ELEMENT_BYTES = 8 * 1024 * 1024;

/** Bytes of elements that one look at a queue shows, about. */
export const MAX_PEEK_BYTES = 4 * 1024 * 1024;

/**
 * Dead letters made by one claim: 32 MiB of elements could hold 16 million things that are no readings. What comes after
 * them goes back to the end of the queue.
 */
export const MAX_CLAIM_LETTERS = 10_000;

/**
 * Bytes of a file that somebody names and that is read as a whole: 80,000 API keys, or how far as many files were imported. A larger one is
 * none of these, and reading it holds up the process.
 */
export const MAX_NAMED_FILE_BYTES = 16 * 1024 * 1024;

/** The same of a config file: hundreds of times what all settings need. */
export const MAX_CONFIG_BYTES = 1024 * 1024;

/** Epoch milliseconds before which a device's file has no time: 2000-01-01. Clocks that were never set count from 1970, 1980 or 1989. */
export const MIN_FILE_TIME_MS = Date.UTC(2000, 0, 1);

/** Devices that one file may name: a family's phones over ten years are some hundred. Each has counts in memory. */
export const MAX_FILE_DEVICES = 10_000;

/** Slots of four bytes in which a file's instants are remembered, so that doubled ones are counted: 4 to 8 million readings in 64 MB. */
export const MAX_SEEN_SLOTS = 16 * 1024 * 1024;

/** Different notes on one file that are kept; formats have few. */
export const MAX_FILE_NOTES = 50;

/** Damaged places of one file that are listed, more are counted: an archive may have thousands of damaged files. */
export const MAX_FILE_DAMAGES = 20;

/** Characters of a tag, or of a DTD, in a file of XML: a workout's tag has some thousand. What is longer is passed over. */
export const MAX_XML_TAG_LENGTH = 512 * 1024;

/** Values of an activity that are held until its device is known, 16 bytes each: twelve days at 1 Hz. */
export const MAX_HELD_VALUES = 1_048_576;

/** Files of one import: an archive of ten years has some ten thousand. Each takes some 300 bytes, and its account a kilobyte. */
export const MAX_IMPORT_FILES = 100_000;

/** Files that an import reads at once, at most: more than that share the same core. */
export const MAX_IMPORTED_AT_ONCE = 4;

/** Days of a time zone of which the offsets are remembered: asking Intl takes some microseconds, and three years are a thousand. */
export const MAX_ZONE_DAYS = 10_000;

/** Time zones that are remembered, by their names; each takes up to 300 kB. */
export const MAX_ZONES = 64;

/** Characters of a time zone's name; the longest has 32. */
export const MAX_TIME_ZONE_LENGTH = 64;

/** Times without a zone, where none is given, after which a file is not read on that has no other: it would be refused at its end. */
export const MAX_TIMES_WITHOUT_ZONE = 10_000;

/** Milliseconds in a UTC day; POSIX time has no leap seconds. */
export const DAY_MS = 86_400_000;

/** Milliseconds in a minute. */
export const MINUTE_MS = 60_000;

/** Parts written at once: enough for one flush of the file system to serve many of them, and few enough open files. */
export const MAX_CONCURRENT_WRITES = 256;

/** Users that a shared part is split among at once: of each, all files of the day are open. */
export const MAX_CONCURRENT_HOMES = 64;

/**
 * Parts of few readings that a batch may make in one day; with more, they share one. A file costs a sync, ~0.8 ms, when it is
 * written and again when it goes.
 */
export const MAX_SMALL_PARTS = 32;

/**
 * Parts that a step of a consumer writes, at most: a second's work where each has a directory of its own. Others' readings wait
 * behind them.
 */
export const MAX_BATCH_PARTS = 512;

/** The same on a disk that writes few a second: so many it writes at least, of those that it writes in {@link BATCH_WRITE_MS}. */
export const MIN_BATCH_PARTS = 64;

/** Milliseconds that a step of a consumer writes, about, where it leaves parts for the next: what others send waits for two of them. */
export const BATCH_WRITE_MS = 1_000;

/** As {@link MAX_SMALL_PARTS}, of a batch with more small parts over all days than {@link MAX_BATCH_PARTS}. */
export const CROWDED_SMALL_PARTS = 3;

/** Readings that are worth a part of their own, however many parts there are: writing them takes longer than the sync. */
export const MIN_PART_ROWS = 1_000;

/**
 * Parts written in one step to find, by halving, the readings that make a write fail: one bad among 50,000 takes 31. What
 * is not found by then is searched in a later step, so that a batch of nothing but bad readings holds up no other for long.
 */
export const MAX_HALVING_WRITES = 200;

/** Bytes of a stored file that are read at once: a hundred times a day of two devices at 1 Hz; more is none of ours. */
export const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** Rows of a row group, which is read at once: 230 MB of columns. Ours have 65,536; other writers' about a million. */
export const MAX_GROUP_ROWS = 8 * 1024 * 1024;

/**
 * Files that one process sets aside within {@link QUARANTINE_WINDOW_MS}. Bit rot damages one now and then. So many at once are a disk, a
 * controller or a version of this software that is not well, and more would put more readings out of sight.
 */
export const MAX_QUARANTINED_FILES = 32;

/** See {@link MAX_QUARANTINED_FILES}: an hour. */
export const QUARANTINE_WINDOW_MS = 3_600_000;

/** Times that one question reads a file that was wrong, and then was not, before it gives up: the storage is not well. */
export const MAX_MISREADS = 3;

/** Rows of another writer's file: a day of 97 devices at 1 Hz. What is larger is left where it is, for somebody to split. */
export const MAX_FOREIGN_ROWS = 8 * 1024 * 1024;

/** Rows of another writer's file that are read at once: 3.7 MB of columns, and a row group as DuckDB writes them. */
export const FOREIGN_SLICE_ROWS = 131_072;

/**
 * Rows of a shared part that another writer made: those of one user are held when it is split, and it may be of one user.
 */
export const MAX_FOREIGN_SHARED_ROWS = 1024 * 1024;

/** Rows of an unsorted file that are put in order at once, in some tens of milliseconds; the file is read once for each. */
export const SORTED_ROWS = 262_144;

/** Bytes of a page of another writer's file, decompressed: writers aim at one or eight MiB. */
export const MAX_PAGE_BYTES = 16 * 1024 * 1024;

/** Rows of such a page, which are decoded in one piece, some tens of milliseconds; writers aim at 20,000 or at a row group. */
export const MAX_PAGE_ROWS = 1024 * 1024;

/** Pages of another writer's file, a hundred bytes of memory each: those of 8 million rows have 640 rows or more. */
export const MAX_FOREIGN_PAGES = 65_536;

/** Bytes of another writer's footer: 3,000 row groups with their statistics. As objects it takes forty times as much. */
export const MAX_FOREIGN_FOOTER_BYTES = 2 * 1024 * 1024;

/** Rows that verifying holds at once, of which a day of eleven devices at 1 Hz has as many: 28 MB of columns. */
export const MAX_INSPECTED_ROWS = 1_000_000;

/** Looks, each at most three times through a file, until it is well or wrong twice alike: of a disk that gives now this, now that. */
export const MAX_VERIFY_LOOKS = 5;

/** Faults that one verification lists; more are only counted. */
export const MAX_VERIFY_FAULTS = 1_000;

/** Devices that a user may give ranks: more than anybody wears in years. */
export const MAX_RANKED_DEVICES = 100;

/** Bytes of a user's settings: a hundred ids of 128 characters, of 3 bytes each or escaped, and the rest, fit. */
export const MAX_SETTINGS_FILE_BYTES = 64 * 1024;

/**
 * Bytes of a rollup, inflated or in memory: a hundred devices that record in every minute of a day, or a thousand in a hundred
 * minutes each. It is decoded at once, in some 20 ms. A user with more on one day is answered from the readings.
 */
export const MAX_ROLLUP_BYTES = 2 * 1024 * 1024;

/** Bytes that a cache of footers, rollups and small parts may hold: three years of one user's days of two devices. */
export const MAX_CACHE_BYTES = 64 * 1024 * 1024;

/** Bytes of a row group's or part's readings that are kept in the cache; what is larger is read again. */
export const MAX_CACHED_READINGS_BYTES = 2 * 1024 * 1024;

/**
 * How long a compacted file must have been there before what is known of it is remembered: a file system's clock ticks some
 * hundred times a second, and gives an inode's number again at once.
 */
export const CACHE_SETTLE_MS = 1_000;

/** UTC days that readings can be kept, at most: a century; longer is for ever. */
export const MAX_RETENTION_DAYS = 36_600;

/** Rules of retention, at most: each is a hash or two, and their file is read as a whole. */
export const MAX_RETENTION_RULES = 10_000;

/** How old what a process knows of the erasures in a directory may be, ms: who erases waits so long. A look is one call of the system. */
export const DIRECTORY_ERASURES_HOLD_MS = 1_000;

/** The same in S3, where a look is a request. */
export const S3_ERASURES_HOLD_MS = 5_000;

/** How long a file that an erasure has replaced stays for those who are reading it, ms; the longest listing of a snapshot takes less. */
export const ERASED_SWEEP_AFTER_MS = 10_000;

/** Milliseconds that a query works before it lets the process do something else; a day of known files takes less than one. */
export const MAX_TURN_MS = 5;

/**
 * Turns of the event loop between two such pieces of work, some microseconds each where nothing is to be done. The loop accepts
 * one connection a turn, so without them one that comes behind 500 others waits until most of their work is done.
 */
export const REST_TURNS = 5;

/**
 * Milliseconds since a directory's last change after which a listing of it is remembered. File systems' clocks tick every 4 to
 * 10 ms, some every 1 or 2 s; a change within the tick of the one before is seen by nobody who goes by the time.
 */
export const LISTING_SETTLE_MS = 3_000;

/** Pending partitions that a compacter holds and puts in order at once, about 300 bytes each: 60 MB. */
export const MAX_DIRTY_PARTITIONS = 200_000;

/** Partitions of a run over everything that are held and put in order at once, about 300 bytes each: 15 MB. */
export const MAX_LISTED_PARTITIONS = 50_000;

/** Names in remembered listings, about 100 bytes each, per opened storage. */
export const MAX_REMEMBERED_NAMES = 100_000;

/** Partitions that a compacter merges at once in a storage that is waited for: a day of two devices at 1 Hz is some 20 MB in memory. */
export const MAX_CONCURRENT_MERGES = 16;

/** Files of a partition whose ends are read at once. */
export const MAX_CONCURRENT_READS = 16;

/** Partitions that one compaction or verification reports as failed before it takes the storage itself for broken. */
export const MAX_PARTITION_FAILURES = 100;

/** Milliseconds that a loop which stands still has to end once it was told to: what syncs a file may take on a busy disk. */
export const WATCHDOG_GRACE_MS = 10_000;

/** Milliseconds from the end of a loop to its restart, so that one which ends at once is not started in circles. */
export const WATCHDOG_PAUSE_MS = 1_000;

/** Restarts in a row that did not help, after which only another process can: with a fourth try nothing new is tried. */
export const MAX_LOOP_RESTARTS = 3;

/** Milliseconds between two looks of a watchdog, at most; stalls are measured in minutes. */
export const WATCHDOG_TICK_MS = 5_000;

/** The latest epoch millisecond with a four-digit year, and so with a date directory. */
export const MAX_TIMESTAMP_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Dates whose counts are remembered from one measurement of the storage to the next, about 300 bytes each. */
export const MAX_MEASURED_DATES = 50_000;

/**
 * Bytes of a compacted file from which on a measurement looks whether it has a rollup. A user's day of two devices at 1 Hz has a third of that, and what is
 * smaller is answered from its readings in some tens of milliseconds.
 */
export const MIN_UNROLLED_BYTES = 256 * 1024;

/** Days that a measurement of the storage lists one by one, the last ones; ten years, as a query spans. */
export const MAX_LISTED_DAYS = 3_660;

/**
 * Milliseconds for which a watcher keeps the feed of a queue going without a renewal: a process that was killed while it
 * watched makes pushes cost more for so long.
 */
export const FEED_WATCH_MS = 60_000;

/** Milliseconds between two renewals: two may come late. */
export const FEED_RENEW_MS = 20_000;

/**
 * Milliseconds for which a consumer takes for granted which store a queue remembers: only somebody who adopts another changes it, and
 * every batch would ask.
 */
export const STORE_KNOWN_MS = 60_000;

/** Milliseconds for which a process that pushes to Redis takes for granted that nobody watches. */
export const FEED_CHECK_MS = 1_000;

/**
 * Bytes of elements in a feed: 140,000 single readings, or some millions in batches, so that who comes back after some seconds finds what
 * was missed.
 */
export const MAX_FEED_BYTES = 16 * 1024 * 1024;

/** Elements in a feed; with single readings the bookkeeping would be more than the bytes. */
export const MAX_FEED_ENTRIES = 50_000;

/** Bytes of elements that one read of a feed delivers, about: 9,000 single readings. Each element is decoded in a turn of its own. */
export const MAX_FEED_PAGE_BYTES = 1024 * 1024;

/** Milliseconds between two looks at a feed for what other processes pushed; a look costs some 20 microseconds. */
export const FEED_POLL_MS = 50;

/** Readings that wait for one watcher to take them; a slower one is told of a gap. One batch of one user fits. */
export const MAX_WATCH_READINGS = 10_000;

/** Readings that wait for all watchers of a process, each counted once: 40 MB; beyond it who has the most waiting loses them. */
export const MAX_HUB_READINGS = 100_000;

/** Readings that watchers take at once: sealing their ids takes some milliseconds, in which nobody else gets a turn. */
export const MAX_RUN_READINGS = 200;

/** UTF-16 code units in a feed's cursor, at most. */
export const MAX_CURSOR_LENGTH = 48;

/** Bytes of what a feed's cursors are hidden by: a key of AES-256. */
export const FEED_SECRET_BYTES = 32;

/** Bytes of an answer that a client holds at once: 50,000 devices of a user with the longest plain ids; a problem is far less. */
export const MAX_CLIENT_ANSWER_BYTES = 16 * 1024 * 1024;

/** Milliseconds that a timer can be set to, at most: beyond them it fires at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Milliseconds that the clocks of a system's machines may differ by, before what one received is ahead of another's. */
export const MAX_CLOCK_SKEW_MS = 60_000;

/** Users of shared parts that one verification counts apart, some 100 bytes each; what is beyond counts until its shared part goes. */
export const MAX_COUNTED_SLICES = 500_000;

/** Readings that a look for those received ahead of the clock reads: a second's work. */
export const MAX_AHEAD_READINGS = 5_000_000;

/** Milliseconds beyond batch age and lease after which a waiting reading means that nobody consumes. */
export const MAX_BACKLOG_MS = 60_000;

/** Milliseconds for which claims may wait to be taken over: whoever claims next takes them before anything newer. */
export const MAX_EXPIRED_CLAIMS_MS = 60_000;

/** Of the high-water mark, from which on /health says that it comes near: readings are still accepted. */
export const HIGH_WATER_SHARE = 0.8;

/** Of a disk or a server's memory: less than this free is little, or less than {@link LOW_SPACE_BYTES} on large ones. */
export const LOW_SPACE_SHARE = 0.1;

/** Bytes free that are little on a disk of any size: a gigabyte is about ten million queued readings. */
export const LOW_SPACE_BYTES = 1024 ** 3;

/** Files that can still be made, of which fewer are few on a file system of any size: a day of as many users. */
export const LOW_INODES = 50_000;

/**
 * Bytes free that are little on a small disk, or half of it where that is less: the embedded queue refuses pushes from 16 MiB
 * on, and somebody should hear of it before.
 */
export const MIN_SPACE_BYTES = 32 * 1024 ** 2;

/** Files that can still be made, of which fewer are none: one user's first batch takes a date, a user, a part, a mark, and temporaries. */
export const NO_INODES = 16;

/**
 * Bytes left free on the disk by pushes to an embedded queue, for claims and acknowledgements: they write a few pages, and only they make
 * room. And lmdb should not see a full disk at all, since lmdb-js may crash when a page cannot be written.
 */
export const QUEUE_RESERVE_BYTES = 16 * 1024 * 1024;

/** Milliseconds: replaced files that are swept sooner are gone before tools from outside, such as DuckDB, have opened them. */
export const MIN_SWEEP_MS = 10_000;

/** Milliseconds that a health check may take; a disk that hangs must not hang /health. */
export const HEALTH_TIMEOUT_MS = 2_000;

/** Milliseconds for which a health check's result is given again: it syncs a file, and anybody may ask. */
export const HEALTH_CACHE_MS = 1_000;

/** Milliseconds beyond its retry after which a loop's failure, not repeated, no longer counts. */
export const FAILURE_MEMORY_MS = 30_000;

/** Milliseconds for which /health tells that a loop was restarted: long enough that somebody who looks now and then sees it. */
export const STALL_MEMORY_MS = 600_000;

/** How long /health speaks of a damaged file after a query last met one, where it could not be set aside: an hour. */
export const DAMAGE_MEMORY_MS = 3_600_000;

/** How long /health speaks of a storage that failed a call or a loop, milliseconds: a hiccup is over by then. */
export const STORAGE_FAILURE_MEMORY_MS = 60_000;

/** Milliseconds of silence of a consumer that are a stall, or three leases where those are longer: the slowest single call of a batch. */
export const CONSUMER_STALL_MS = 60_000;

/** Milliseconds of silence of a compacter that are a stall: one partition, with 500 large files, on a slow disk. */
export const COMPACTER_STALL_MS = 600_000;

/**
 * Milliseconds of steps on end in which a consumer left readings for later, after which /health tells: a request of 10,000 readings, each on
 * a day of its own, is worked off by then on a quiet disk.
 */
export const CONSUMER_BEHIND_MS = 60_000;

/** The same of runs in which a compacter left partitions for the next: what a busy day leaves is done by then. */
export const COMPACTER_BEHIND_MS = 1_800_000;

/** Files that a process has open before it holds any for somebody: its own, Node's, the queue's. 34 were counted. */
export const OWN_FILES = 40;

/** Milliseconds between two counts of what is stored, which lists every directory. */
export const MIN_MEASURE_PAUSE_MS = 30_000;

/** The pause after a count is so many times what it took: at most a twentieth of the time is spent on counting. */
export const MEASURE_PAUSE_SHARE = 19;

/** Processes that one service may run the API in: more than one for each core gain nothing. */
export const MAX_WORKERS = 64;

/** Milliseconds that an upload may keep silent: it holds a place meanwhile. */
export const MAX_UPLOAD_IDLE_MS = 10_000;

/** Bytes a second that an upload must come at, half a megabit: it holds a place meanwhile. */
export const MIN_UPLOAD_BYTES_PER_SECOND = 64 * 1024;

/** Milliseconds of an upload that may be slower: as long as every other request may take. */
export const UPLOAD_GRACE_MS = 60_000;

/** Megabytes of JavaScript's memory that the import of an upload may take: four together are as much as bodies of requests may be. */
export const MAX_UPLOAD_HEAP_MB = 256;

/** Milliseconds that the import of an upload may take: less than the five minutes for which Node's `fetch` waits for an answer. */
export const MAX_UPLOAD_MS = 240_000;

/** Files of one archive that are looked at: a decade of activities is some ten thousand. */
export const MAX_ARCHIVE_MEMBERS = 100_000;

/** Bytes that all files of an archive come to, those of archives in it as well: what a life of devices is, ten times over. */
export const MAX_ARCHIVE_BYTES = 64 * 1024 * 1024 * 1024;

/** How many times the size of an archive its files may come to, and each file that of its own data: XML of years comes to 14 times. */
export const MAX_ARCHIVE_RATIO = 200;

/** Bytes that a file may come to besides: a small one of equal lines is packed very well. */
export const ARCHIVE_RATIO_SLACK_BYTES = 4 * 1024 * 1024;

/** Archives in one another: Garmin's are two. */
export const MAX_ARCHIVE_DEPTH = 2;

/** Bytes of a database that comes as a stream and is held for that; as a file it may have any size. */
export const MAX_STREAMED_DATABASE_BYTES = 64 * 1024 * 1024;

/** Records of a database whose devices are remembered, four bytes each: decades of a phone. */
export const MAX_DATABASE_RECORDS = 4_194_304;

/** Rows of a table that are held until one tells whether the day or the month stands first: 40 MB. */
export const MAX_HELD_ROWS = 262_144;

/** UTF-16 code units of an unknown parameter's name that an error repeats. */
export const MAX_ECHOED_NAME_LENGTH = 64;

/** Rules of alerts in one file: each is looked at for every user of a batch. */
export const MAX_ALERT_RULES = 100;

/** Users that one rule of alerts may name, as of a key: the file is read as a whole. */
export const MAX_RULE_USERS = 1_000;

/** Minutes that an alert above or below a rate is open at most, a week: all of them are read while it is. */
export const MAX_ALERT_OPEN_MINUTES = 10_080;

/** Users that a process watches for alerts, some 200 bytes each; whoever sent nothing for longest is forgotten, and found by the next sweep. */
export const MAX_ALERT_USERS = 200_000;

/** Newest alerts of a rule and a user that are kept; of older ones those that were told go. */
export const MAX_KEPT_ALERTS = 32;

/** Names of alerts that one listing has: those of 2,000 users, each with all that are kept. */
export const MAX_ALERT_NAMES = 131_072;

/** Times that an alert is judged anew, since another consumer was first; each needs an alert of the other one. */
export const MAX_ALERT_ATTEMPTS = 5;

/** Milliseconds between two looks at who is to be judged. */
export const ALERT_TICK_MS = 2_000;

/** Milliseconds after a minute's end before it is judged: two ages of a batch, and the time to write it. */
export const ALERT_SETTLE_MS = 15_000;

/** The same where the queue tells what was accepted: the time of a device to send, since nothing has to be written first. */
export const LIVE_ALERT_SETTLE_MS = 5_000;

/** Milliseconds for which accepted readings are judged that may not be stored yet: ten minutes, by when storing is in trouble. */
export const PENDING_ALERT_MS = 600_000;

/** Readings that are held for that, some 40 bytes each: where more come, those of a shorter time are. */
export const MAX_PENDING_READINGS = 500_000;

/** Minutes for which an alert is not ended only because what it opened on is not there: it may not be stored yet. */
export const ALERT_HOLD_MINUTES = 10;

/** Milliseconds between two listings of the alerts that are open or wait to be told, also by other processes. */
export const ALERT_LIST_MS = 30_000;

/** Milliseconds between two sweeps over all users, at most; half of `late_minutes` where that is less. */
export const ALERT_SWEEP_MS = 3_600_000;

/** Milliseconds between two looks for alerts by a process that shows somebody's: a listing each, while somebody watches. */
export const ALERT_FEED_MS = 5_000;

/** Milliseconds for which an alert that is over is told to who begins to watch: so long a stream may be broken and miss no end. */
export const ALERT_RECALL_MS = 3_600_000;

/** Milliseconds in which whoever opened an alert is the only one to tell it: two tries of a webhook that hangs. */
export const ALERT_OWN_MS = 20_000;

/** Milliseconds that a webhook may take to answer. */
export const WEBHOOK_TIMEOUT_MS = 10_000;

/** Waits between two tries of a webhook, milliseconds: doubled each time between these. */
export const WEBHOOK_RETRY = { minMs: 1_000, maxMs: 600_000 } as const;

/** Milliseconds for which a webhook is tried before an alert is kept as failed: a day, as long as an outage is somebody's who notices. */
export const WEBHOOK_TRIED_MS = 86_400_000;

/** Alerts that are told at once: one that hangs holds up no other. */
export const MAX_TOLD_AT_ONCE = 8;

/** Milliseconds after which a message or a mark of an alert that was never opened goes: whoever wrote it was killed. */
export const ALERT_ORPHAN_MS = 600_000;

/** Milliseconds between two signs of life of a process: one PUT each where the data are in S3, 43 cents a month. */
export const PROCESS_BEAT_MS = 30_000;

/** Milliseconds of silence after which a process counts as gone: three signs of life were missed, and one came late. */
export const PROCESS_GONE_MS = 120_000;

/** Milliseconds for which a process that is gone is shown: a day, in which somebody looks. */
export const PROCESS_KEPT_MS = 86_400_000;

/** Milliseconds for which a process that ended as it should is shown: an hour, since `hrm compact` may run every five minutes. */
export const STOPPED_PROCESS_KEPT_MS = 3_600_000;

/** Files of processes that are read: more than a cluster has, and what a process that crashes every five minutes leaves in a day. */
export const MAX_PROCESS_FILES = 500;

/** Processes that one answer tells: those that run first. */
export const MAX_TOLD_PROCESSES = 100;

/** Milliseconds between two looks at who is to be forgotten, which each process takes. */
export const PROCESS_SWEEP_MS = 600_000;

/** Milliseconds between two looks of a process that is asked for all processes. */
export const MIN_PROCESS_LOOK_MS = 5_000;

/** Milliseconds that a process which ends waits until that is written down. */
export const PROCESS_LEAVE_MS = 2_000;

/** Milliseconds between two points of the history of a queue. */
export const QUEUE_HISTORY_STEP_MS = 60_000;

/** Points of the history of a queue: two hours, 13 kB of an answer. */
export const MAX_QUEUE_HISTORY = 120;

/** Oldest dead letters whose reasons are counted: in S3 each is read. */
export const MAX_COUNTED_LETTERS = 500;

/** Reasons of dead letters that one answer tells, the most frequent first. */
export const MAX_LETTER_REASONS = 10;

/** Users in one line of the audit log, and devices: a line of the longest ids with every character escaped is 1.6 MB. Those of a larger call come in several. */
export const MAX_AUDIT_USERS = 1_000;

/** Bytes of a line of the audit log: what is longer is none. */
export const MAX_AUDIT_LINE_BYTES = 2 * 1024 * 1024;

/** UTF-16 code units of events that wait to be written into the audit log: some 20,000 typical ones. Beyond it they are lost, and counted. */
export const MAX_AUDIT_WAITING_BYTES = 8 * 1024 * 1024;

/** UTF-16 code units of events in one write of the audit log, about: one sync is shared by so many. */
export const MAX_AUDIT_WRITE_BYTES = 1024 * 1024;

/** Milliseconds until a failing audit log is tried again by itself. */
export const AUDIT_RETRY_MS = 1_000;

/** Milliseconds that a caller waits for the audit log: a disk that hangs must hold up nobody for longer. */
export const AUDIT_WAIT_MS = 5_000;

/**
 * Refusals without a valid key that the audit log names one by one in a minute. Anybody may make any number of them, and would fill the disk: those
 * beyond it are counted in one line.
 */
export const MAX_AUDIT_REFUSALS = 60;

/** Milliseconds of {@link MAX_AUDIT_REFUSALS}. */
export const AUDIT_REFUSAL_WINDOW_MS = 60_000;

/** Bytes of log lines that wait while nobody takes them: some thousands. More are lost, and counted. */
export const MAX_LOG_BYTES = 1024 * 1024;

/** Milliseconds between two tries to write a log that could not be written, where no line comes meanwhile. */
export const LOG_RETRY_MS = 2_000;
