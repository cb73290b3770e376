/** What stands before a list, and its name. */
export interface ListFrame {
  readonly head: Readonly<Record<string, unknown>>;
  readonly name: string;
}

/** Items written at once: a millisecond's work or two with the longest ids. */
const ITEMS_A_PIECE = 250;

/**
 * The JSON `{ …head, [name]: [ … ], count }`, in pieces.
 * @param toWireItem - an item as JSON has it.
 * @param yieldTurn - lets others work between pieces: a list may have a hundred thousand items.
 */
export async function* listPieces<Item>(
  { head, name }: ListFrame,
  items: readonly Item[],
  toWireItem: (item: Item) => unknown,
  yieldTurn: () => Promise<void>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield Buffer.from(`${JSON.stringify(head).slice(0, -1)},"${name}":[`);
  for (let from = 0; from < items.length; from += ITEMS_A_PIECE) {
    await yieldTurn();
    const some = items.slice(from, from + ITEMS_A_PIECE).map((item) => JSON.stringify(toWireItem(item)));
    yield Buffer.from(`${from === 0 ? '' : ','}${some.join(',')}`);
  }
  yield Buffer.from(`],"count":${items.length}}`);
}
