import { mayHaveColors } from 'hrm-core/process';

/** What the reader of an output can show. */
export interface Terminal {
  /** Columns. */
  readonly width: number;
  /** Lines; `undefined` where nobody knows: a pipe. */
  readonly height: number | undefined;
  /** Whether more than ASCII arrives as it was sent. */
  readonly isUnicode: boolean;
  /** Whether colours and bold letters are wanted. */
  readonly hasColors: boolean;
}

/** Where the output goes, as far as it says so. */
export type TerminalStream = Partial<Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'rows'>>;

/** Columns of what is no terminal. */
const DEFAULT_WIDTH = 80;

/** Columns that are of use; a terminal may claim any number. */
const [MIN_WIDTH, MAX_WIDTH] = [40, 400];

/**
 * Describes the reader of a stream. More than ASCII only where the locale says UTF-8, and not on a dumb terminal.
 */
export function describeTerminal({ isTTY = false, columns, rows }: TerminalStream, env: NodeJS.ProcessEnv): Terminal {
  const isDumb = env.TERM === 'dumb';
  const locale = [env.LC_ALL, env.LC_CTYPE, env.LANG].find((value) => value !== undefined && value !== '') ?? '';
  const width = isTTY && columns !== undefined && columns > 0 ? columns : DEFAULT_WIDTH;
  return {
    width: Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, width)),
    height: isTTY ? rows : undefined,
    isUnicode: !isDumb && /utf-?8/i.test(locale),
    hasColors: mayHaveColors(isTTY, env),
  };
}

/** The text in one of the terminal's styles, where it has any. */
export function styled(text: string, style: keyof typeof STYLES, { hasColors }: Pick<Terminal, 'hasColors'>): string {
  return hasColors && text !== '' ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text;
}

/** Select graphic rendition of ECMA-48. */
const STYLES = { bold: 1, dim: 2, red: 31 } as const;
