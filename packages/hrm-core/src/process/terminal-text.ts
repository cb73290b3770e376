/** Text for a terminal, which obeys some characters instead of showing them. */

/** What a terminal might obey or hide: controls, bidi and other format characters, separators. */
const UNSAFE_CHARACTERS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/gu;

/** The text with every character that could deceive on a terminal shown as `\u{…}`. */
export function visibleText(text: string): string {
  return text.replace(UNSAFE_CHARACTERS, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/**
 * Whether an output may have colours: only a terminal that is not dumb, and not with NO_COLOR (whatever its value, unless empty).
 * @see https://no-color.org
 */
export function mayHaveColors(isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  return isTerminal && env.TERM !== 'dumb' && (env.NO_COLOR ?? '') === '';
}
