import { spawn } from 'node:child_process';

/** Tellings in the time that the supervisor waits for one: a machine that is busy delays some. */
const TELLINGS = 3;

/**
 * Tells systemd again and again that the event loop turns, where the unit asks for it (`WatchdogSec`). Beside the watch of the
 * process over itself it sees a process that stands still as a whole. Node has no datagram sockets of the Unix domain, so
 * systemd's own program sends it, and the unit needs `NotifyAccess=all`.
 * @see sd_notify(3), sd_watchdog_enabled(3)
 */
export function tellSupervisor(env: NodeJS.ProcessEnv): void {
  const waitsMs = Number(env.WATCHDOG_USEC) / 1_000;
  const isAsked = env.WATCHDOG_PID === undefined || env.WATCHDOG_PID === String(process.pid);
  if (env.NOTIFY_SOCKET === undefined || !isAsked || !(waitsMs > 0)) return;
  let isTelling = false;
  function tell(): void {
    if (isTelling) return;
    isTelling = true;
    const child = spawn('systemd-notify', ['WATCHDOG=1'], { stdio: 'ignore' });
    // Without the program it is told of nothing, and systemd restarts the process: its log says so.
    for (const end of ['error', 'exit']) {
      child.once(end, () => {
        isTelling = false;
      });
    }
    child.unref();
  }
  tell();
  setInterval(tell, waitsMs / TELLINGS).unref();
}
