/**
 * The little XML that S3 answers with: elements without attributes that matter, found by their names. Each answer is gone through once, and
 * what is no XML of S3's has no elements.
 */

/** The texts of all elements of a name, in order; those within others of the same name are theirs. */
export function elementsOf(xml: string, name: string): string[] {
  const [open, close] = [`<${name}>`, `</${name}>`];
  const found: string[] = [];
  for (let at = xml.indexOf(open); at !== -1; at = xml.indexOf(open, at)) {
    const from = at + open.length;
    const to = xml.indexOf(close, from);
    if (to === -1) break;
    found.push(xml.slice(from, to));
    at = to + close.length;
  }
  return found;
}

/** The text of the first element of a name, unescaped; `''` where there is none. */
export function textOf(xml: string, name: string): string {
  const open = `<${name}>`;
  const at = xml.indexOf(open);
  if (at === -1) return '';
  const from = at + open.length;
  const to = xml.indexOf(`</${name}>`, from);
  return to === -1 ? '' : unescapeXml(xml.slice(from, to));
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(#x[0-9a-fA-F]{1,6}|#[0-9]{1,7}|[a-z]{2,4});/g, (whole, entity: string) => {
    if (!entity.startsWith('#')) return ENTITIES[entity] ?? whole;
    const code = entity[1] === 'x' ? Number.parseInt(entity.slice(2), 16) : Number(entity.slice(1));
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** Text as it stands in an element. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>]/g, (char) => (char === '&' ? '&amp;' : char === '<' ? '&lt;' : '&gt;'));
}
