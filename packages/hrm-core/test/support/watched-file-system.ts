/** The real file system with somebody watching: each call can be recorded, or made to fail. Nothing in it is imitated. */
import { type DirectoryFileSystem, realFileSystem } from '../../src/drivers/storage/directory/files.js';

/** One call, as the watcher sees it. */
export interface WatchedCall {
  readonly name: keyof DirectoryFileSystem;
  readonly args: readonly unknown[];
  /** The path it is about: its first argument, or the path under which its descriptor was opened. */
  readonly path: string;
  /** The second path of `link` and `rename`, else `''`. */
  readonly newPath: string;
}

/** What happens to a call: `null` lets it through. */
export type Verdict =
  | { readonly kind: 'fail'; readonly error: NodeJS.ErrnoException }
  /** It is done, and reported as failed. */
  | { readonly kind: 'lose-reply'; readonly error: NodeJS.ErrnoException }
  /** A write takes half of its bytes; the next call of any kind is the watcher's to fail. */
  | { readonly kind: 'tear' }
  /** It is reported as done, and is not. */
  | { readonly kind: 'skip' }
  | null;

/** Watches calls. */
export interface Watcher {
  before?(call: WatchedCall): Verdict;
  /** After it was done, before the driver learns of it; `count` is what a read or write answers. */
  after?(call: WatchedCall, error: unknown, count: unknown): void;
}

/** An error as the system reports it. */
export function systemError(code: string, call: WatchedCall): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected, ${call.name} '${call.path}'`), { code, syscall: call.name });
}

/** The real file system under a watcher. @param fileSystem - which calls do: those of Node, or prompt ones. */
export function watchedFileSystem(watcher: Watcher, fileSystem = realFileSystem): DirectoryFileSystem {
  const pathOf = new Map<unknown, string>();

  function describe(name: keyof DirectoryFileSystem, args: readonly unknown[]): WatchedCall {
    const [first, second] = args;
    const path = typeof first === 'string' ? first : (pathOf.get(first) ?? `descriptor ${String(first)}`);
    return { name, args, path, newPath: typeof second === 'string' ? second : '' };
  }

  function note(call: WatchedCall, error: unknown, result: unknown): void {
    if (!error && (call.name === 'open' || call.name === 'openSync')) pathOf.set(result, call.path);
    watcher.after?.(call, error, result);
  }

  function callSync(real: (...args: unknown[]) => unknown, call: WatchedCall, verdict: Verdict): unknown {
    // A descriptor is freed even where close fails.
    const isDone = verdict === null || verdict.kind === 'lose-reply' || call.name === 'closeSync';
    let result: unknown;
    try {
      if (isDone) result = Reflect.apply(real, undefined, call.args);
    } catch (error) {
      note(call, error, undefined);
      throw error;
    }
    note(call, isDone ? null : verdict, result);
    if (verdict?.kind === 'lose-reply' && call.name === 'openSync') realFileSystem.closeSync(Number(result));
    if (verdict?.kind === 'fail' || verdict?.kind === 'lose-reply') throw verdict.error;
    return result;
  }

  function callWithCallback(real: (...args: unknown[]) => unknown, call: WatchedCall, verdict: Verdict): void {
    const callback = call.args.at(-1);
    if (typeof callback !== 'function') throw new TypeError(`${call.name} without a callback`);
    const args = call.args.slice(0, -1);
    if (verdict?.kind === 'fail' || verdict?.kind === 'skip') {
      setImmediate(() => callback(verdict.kind === 'fail' ? verdict.error : null, 0));
      return;
    }
    if (verdict?.kind === 'tear') args[3] = Math.max(1, Number(args[3]) >> 1);
    Reflect.apply(real, undefined, [
      ...args,
      (error: unknown, result: unknown) => {
        note(call, error, result);
        if (verdict?.kind === 'lose-reply' && !error) {
          if (call.name === 'open') realFileSystem.closeSync(Number(result));
          callback(verdict.error);
        } else callback(error, result);
      },
    ]);
  }

  return new Proxy(
    { ...fileSystem },
    {
      get(target, property) {
        const real: unknown = Reflect.get(target, property);
        const name = property as keyof DirectoryFileSystem;
        return (...args: unknown[]) => {
          if (typeof real !== 'function') throw new TypeError(`there is no ${String(property)}`);
          const call = describe(name, args);
          const verdict = watcher.before?.(call) ?? null;
          const perform = (...given: unknown[]) => Reflect.apply(real, undefined, given);
          return name.endsWith('Sync') ? callSync(perform, call, verdict) : callWithCallback(perform, call, verdict);
        };
      },
    },
  );
}
