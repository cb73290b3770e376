/** What stands between the fields of a row. Excel takes the one of the machine's language. */
export type Separator = ',' | ';' | '\t';

/** One field and what follows it: quoted, with quotes doubled inside, or free of quotes. */
const FIELDS: Readonly<Record<Separator, RegExp>> = {
  ',': /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y,
  ';': /(?:"((?:[^"]|"")*)"|([^";]*))(;|$)/y,
  '\t': /(?:"((?:[^"]|"")*)"|([^"\t]*))(\t|$)/y,
};

/** The fields of one record, or `null` where its quotes are wrong. @see RFC 4180 */
export function splitFields(text: string, separator: Separator): readonly string[] | null {
  if (!text.includes('"')) return text.split(separator);
  const pattern = FIELDS[separator];
  const fields: string[] = [];
  for (pattern.lastIndex = 0; ; ) {
    const match = pattern.exec(text);
    if (match === null) return null;
    fields.push(match[1] === undefined ? (match[2] ?? '') : match[1].replaceAll('""', '"'));
    if (match[3] === '') return fields;
  }
}
