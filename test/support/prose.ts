/** What readers read of a Markdown page: its sentences, its headings, its links. */

/** One sentence of a page. */
export interface Sentence {
  readonly text: string;
  readonly words: number;
  readonly hasLink: boolean;
}

const CODE = '`code`';
const LINK = /!?\[([^\]]*)\]\([^)\s]*\)/g;

/** The end of a sentence: a mark and what closes with it, blanks, then what begins one. */
const BETWEEN = /(?<=[.!?…]["'”»)*_]{0,3})\s+(?=["'“«(*_[]{0,3}(?:\p{Lu}|\d|`))/u;

/** A page without its programs and its tags. */
function withoutCode(page: string): string {
  return page.replace(/^( *)```[\s\S]*?^\1```$/gm, '').replace(/<!--[\s\S]*?-->|<\/?[a-z][^>]*>/g, '');
}

/** What stands together: a paragraph, an item of a list, a cell of a table, a heading. */
function blocksOf(page: string): string[] {
  const blocks: string[] = [];
  let isOpen = false;
  for (const raw of withoutCode(page).split('\n')) {
    const line = raw.trim();
    if (line === '') isOpen = false;
    else if (line.startsWith('|')) {
      const cells = line.split(/(?<!\\)\|/).slice(1, -1);
      blocks.push(...cells.map((cell) => cell.trim()).filter((cell) => /\w/.test(cell)));
      isOpen = false;
    } else if (/^#{1,6} /.test(line)) {
      blocks.push(line.replace(/^#+ /, ''));
      isOpen = false;
    } else if (/^(?:[-*] |\d+\. )/.test(line) || !isOpen) {
      blocks.push(line.replace(/^(?:[-*] |\d+\. )/, ''));
      isOpen = true;
    } else blocks.push(`${blocks.pop()} ${line}`);
  }
  return blocks;
}

/** The sentences of a page; what is in backticks is one word. */
export function sentencesOf(page: string): Sentence[] {
  return blocksOf(page).flatMap((block) =>
    block
      .replace(/``[^`]+``|`[^`]+`/g, CODE)
      .split(BETWEEN)
      .map((text) => {
        const shown = text.replace(LINK, '$1');
        return {
          text,
          words: shown.split(/\s+/).filter((word) => /[\p{L}\d]/u.test(word)).length,
          hasLink: shown !== text,
        };
      }),
  );
}

/** The names by which links find the headings of a page, as GitHub makes them. */
export function anchorsOf(page: string): string[] {
  const seen = new Map<string, number>();
  return [...withoutCode(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => {
    const name = heading
      .replace(LINK, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{Pc} -]/gu, '')
      .replaceAll(' ', '-');
    const before = seen.get(name) ?? 0;
    seen.set(name, before + 1);
    return before === 0 ? name : `${name}-${before}`;
  });
}

/** Where the links and pictures of a page lead within the repository. */
export function linksOf(page: string): { readonly path: string; readonly anchor: string }[] {
  const text = page.replace(/^( *)```[\s\S]*?^\1```$/gm, '');
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)].map(
    ([, link, tag]) => link ?? tag ?? '',
  );
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', anchor = ''] = target.split('#');
      return { path, anchor };
    });
}

/** What stands in backticks outside of programs. */
export function codeOf(page: string): string[] {
  return [...withoutCode(page).matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}
