/**
 * Records of CSV over lines: a quoted field may go over several, which are gathered while a quote is open. When what was gathered is
 * no record, only its first line is at fault, and the others are read anew, so that one stray quote costs one line.
 */

/** Gathers lines into records. */
export interface RecordGatherer<Line, Row> {
  take(line: Line): readonly Row[];
  /** Gives up the record that has begun, if one has: what goes on cannot be seen. */
  giveUp(): readonly Row[];
  /** Whether a record has begun whose end was not seen yet. */
  isOpen(): boolean;
  /** The input has ended. */
  end(): readonly Row[];
}

/** How records are made of lines. */
export interface RecordRules<Line, Row> {
  /** Characters that a record may have. */
  readonly maxLength: number;
  /** Whether a line between records is none. */
  isBlank(line: Line): boolean;
  /** The rows of a record's lines; `null` where its quotes are wrong. */
  readRecord(lines: readonly Line[]): readonly Row[] | null;
  /** The row of a line with which a record begins that is none. */
  faultOf(line: Line): Row;
}

/** Gathers lines into records by rules. */
export function gatherRecords<Line extends { readonly text: string }, Row>({
  maxLength,
  isBlank,
  readRecord,
  faultOf,
}: RecordRules<Line, Row>): RecordGatherer<Line, Row> {
  let gathered: Line[] = [];
  let gatheredLength = 0;

  function giveUp(): Row[] {
    const [first, ...rest] = gathered;
    gathered = [];
    gatheredLength = 0;
    return first === undefined ? [] : [faultOf(first), ...rest.flatMap(take)];
  }

  function take(line: Line): readonly Row[] {
    if (gathered.length === 0 && isBlank(line)) return [];
    const closes = hasOpenQuote(line.text) === gathered.length > 0;
    gathered.push(line);
    // A blank line is one, too.
    gatheredLength += line.text.length + 1;
    if (!closes) return gatheredLength > maxLength ? giveUp() : [];
    const rows = readRecord(gathered);
    if (rows === null) return giveUp();
    gathered = [];
    gatheredLength = 0;
    return rows;
  }

  return {
    take,
    giveUp,
    isOpen: () => gathered.length > 0,
    end() {
      const rows = giveUp();
      // What was read anew may have left a quote open again; every round gives up at least one line.
      while (gathered.length > 0) for (const row of giveUp()) rows.push(row);
      return rows;
    },
  };
}

/** Whether a quote that opens before or in the text stays open: an odd number of them. */
function hasOpenQuote(text: string): boolean {
  let open = false;
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) open = !open;
  return open;
}
