/**
 * What a process around loops or a service needs: to be told to stop, to be watched, and to end even where a call hangs, as
 * `superviseLoop` asks for.
 * @module
 */
export { MAX_WORKERS } from '../limits.js';
export { endProcess, forgetLostTerminals } from './end-process.js';
export { flush, LAST_WORDS_MS } from './flush.js';
export { createLogSink, type LogLosses, type LogOutput, type LogSink, type LossLine, type Sent } from './log/sink.js';
export { isTerminal, stderrOutput } from './log/stderr.js';
export { isNowhere } from './nowhere.js';
export { packageVersion } from './package-version.js';
export { watchForStall } from './stall-watch/watch.js';
export { listenForStop } from './stop-signal.js';
export { tellSupervisor } from './supervisor.js';
export { mayHaveColors, visibleText } from './terminal-text.js';
export { unblock } from './unblock.js';
