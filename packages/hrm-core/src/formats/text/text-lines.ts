/** Characters of one line: a file without line ends must not fill the memory. */
const MAX_LINE_LENGTH = 1024 * 1024;

/** What is told of a longer one. */
export const LINE_TOO_LONG = `a line is longer than ${MAX_LINE_LENGTH} characters, and is not read`;

/**
 * Splits text into lines, as many at a time as one piece completes; `null` stands for a line that is too long. `\n` and `\r\n` are taken
 * off.
 */
export async function* splitTextLines(texts: AsyncIterable<string>): AsyncGenerator<readonly (string | null)[]> {
  let open: string[] = [];
  let openLength = 0;
  function finish(): string | null {
    const line = openLength > MAX_LINE_LENGTH ? null : trimReturn(open.join(''));
    open = [];
    openLength = 0;
    return line;
  }
  function append(text: string): void {
    openLength += text.length;
    if (openLength > MAX_LINE_LENGTH) open = [];
    else open.push(text);
  }
  for await (const text of texts) {
    const first = text.indexOf('\n');
    if (first === -1) {
      append(text);
      continue;
    }
    append(text.slice(0, first));
    const lines = [finish()];
    const others = text.slice(first + 1).split('\n');
    append(others.pop() ?? '');
    for (const line of others) lines.push(trimReturn(line));
    yield lines;
  }
  if (openLength > 0) yield [finish()];
}

function trimReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}
