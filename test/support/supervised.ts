/** Processes of `hrm serve` that are started again when they end, as a supervisor does. */
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { type Service, startService } from './hrm.js';

/** What a supervisor waits before it starts a process again, milliseconds. */
const RESTART_PAUSE_MS = 100;

/** One place in a deployment, and the process that runs there now. */
export interface Supervised {
  readonly name: string;
  /** Where its API is; `null` while no process is ready, or where it has none. */
  readonly url: string | null;
  /** Whether a process runs and has said that it is ready. */
  readonly isReady: boolean;
  /** How processes ended that nobody was seen to kill: what a supervisor's log would show. */
  readonly complaints: readonly string[];
  /** Sends a signal to the process, if there is one: it is started again if it ends. */
  signal(signal: NodeJS.Signals): void;
  /** Ends it by SIGTERM, for good; resolves to its exit code. */
  stop(): Promise<number | null>;
}

/** Starts `hrm serve` and keeps it running until the test ends; resolves when it is ready for the first time. */
export async function supervise(name: string, env: NodeJS.ProcessEnv, ...args: string[]): Promise<Supervised> {
  const complaints: string[] = [];
  let service: Service | null = await startService(env, ...args);
  let isStopping = false;
  const kept = keep(service);

  async function keep(first: Service): Promise<number | null> {
    for (let running: Service | null = first; ; ) {
      const code = running === null ? null : await ended(running);
      if (isStopping) return code;
      // 3 is `unavailable`: it could not be started, or gave up, since Redis or the disk was gone.
      if (running !== null && code !== null && code !== 3)
        complaints.push(`${name} ended with ${code}:\n${running.log()}`);
      service = null;
      await sleep(RESTART_PAUSE_MS);
      if (isStopping) return code;
      running = await startService(env, ...args).catch((error: Error) => {
        if (!error.message.includes('ended with 3') && !error.message.includes('ended with null'))
          complaints.push(error.message);
        return null;
      });
      service = running;
      // It was being started when it was to stop.
      if (isStopping) running?.process.kill('SIGTERM');
    }
  }

  async function stop(): Promise<number | null> {
    isStopping = true;
    service?.process.kill('SIGTERM');
    return await kept;
  }

  onTestFinished(async () => {
    isStopping = true;
    service?.process.kill('SIGKILL');
    await kept;
  });
  return {
    name,
    get url() {
      return service === null || service.url === '' ? null : service.url;
    },
    get isReady() {
      return service !== null;
    },
    complaints,
    signal(signal) {
      service?.process.kill(signal);
    },
    stop,
  };
}

async function ended({ process: child }: Service): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once('exit', resolve));
  return child.exitCode;
}
