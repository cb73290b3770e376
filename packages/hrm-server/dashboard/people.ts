/** Where nobody is chosen: the users that have readings, those that the key may see, each with a way to the day of the newest. */
import { isHrmError, type ListedUser } from 'hrm-core/client';
import { explain, openClient } from './api.js';
import { find, make } from './dom.js';
import { describeAge } from './range.js';
import { createSparks, type Sparks } from './sparks.js';
import { rateText, texts } from './texts/texts.js';
import { dayAddress, type View } from './view.js';

const words = texts.people;

/** The list of users. */
export interface People {
  /** Asks for them, and shows them, where they are not there. */
  show(view: View): void;
  hide(): void;
}

const PAGE_USERS = 50;
/** After the last letter of a search. */
const SEARCH_AFTER_MS = 300;
/** Before any reading: all dates are looked at. */
const FIRST_DATE = '1970-01-01';

/** Begins hidden. */
export function createPeople(): People {
  const card = find('people', HTMLElement);
  const list = find('people-list', HTMLUListElement);
  const search = find('people-search', HTMLInputElement);
  const sparks = createSparks();
  let asking = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let view: View | null = null;
  let since: string | undefined;

  function stop(): void {
    clearTimeout(timer);
    asking.abort();
    card.removeAttribute('aria-busy');
  }

  /** @param after - the last one of the page before; `undefined`: from the first on, in place of what is there. */
  async function load(after?: string): Promise<void> {
    stop();
    asking = new AbortController();
    const { signal } = asking;
    card.setAttribute('aria-busy', 'true');
    const input = { search: search.value.trim() || undefined, after, since, limit: PAGE_USERS };
    try {
      const page = await openClient().users(input, { signal });
      if (after === undefined) sparks.clear();
      const rows = page.users.map((user) => rowOf(user, view as View, sparks));
      if (after === undefined) list.replaceChildren(...rows);
      else list.append(...rows);
      say(page.since, page.next);
      // The button that was pressed is gone.
      if (after !== undefined) rows[0]?.querySelector('a')?.focus();
    } catch (error) {
      if (signal.aborted) return;
      if (!isHrmError(error)) throw error;
      tell(explain(error), [texts.shared.tryAgain, () => void load(after)]);
    }
    if (!signal.aborted) card.removeAttribute('aria-busy');
  }

  /** Says what is not in the list, and leads to it. */
  function say(from: string | null, next: string | null): void {
    const isAll = since !== undefined || from === null;
    const lookFurther = (): void => {
      since = FIRST_DATE;
      void load();
    };
    const more: Action[] = next === null ? [] : [[words.more, () => void load(next)]];
    const further: Action[] = isAll ? [] : [[words.allDates, lookFurther]];
    if (list.childElementCount > 0) tell(isAll ? '' : words.since(from), ...more, ...further);
    else if (next !== null) tell('', ...more);
    else if (search.value.trim() !== '') tell(words.noneFound, ...further);
    else showNobody();
  }

  type Action = readonly [text: string, action: () => void];

  function tell(text: string, ...actions: readonly Action[]): void {
    const buttons = actions.map(([label, action]) => {
      const button = make('button', { type: 'button' }, label);
      button.addEventListener('click', action);
      return button;
    });
    find('people-note', HTMLElement).replaceChildren(text, ...buttons);
  }

  search.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => void load(), SEARCH_AFTER_MS);
  });

  return {
    show(to) {
      const isShown = view !== null;
      view = to;
      card.hidden = false;
      if (!isShown) void load();
    },
    hide() {
      stop();
      sparks.clear();
      view = null;
      card.hidden = true;
    },
  };
}

/** Nothing is stored that we may see: what to do about it. */
function showNobody(): void {
  const files = make('a', { href: 'import' }, texts.nav.addFiles);
  const device = make('a', { href: 'live-device' }, texts.nav.liveDevice);
  find('people-note', HTMLElement).replaceChildren(
    `${words.nobody} ${texts.chart.addSome} `,
    files,
    ', ',
    device,
    '. ',
    words.tour,
    ' ',
    make('code', {}, TOUR),
  );
}

const TOUR = 'hrm simulate --users 3 --backfill 7';

function rowOf(
  { userId, latest: { timestamp, heartRate } }: ListedUser,
  { isLive }: View,
  sparks: Sparks,
): HTMLLIElement {
  const atMs = Date.parse(timestamp);
  const href = dayAddress(userId, atMs, isLive);
  const newest = `${rateText(heartRate, 0)} ${texts.shared.bpm}, ${describeAge(Date.now() - atMs)}`;
  return make(
    'li',
    {},
    make('a', { href }, userId),
    sparks.add(userId, atMs),
    make('span', { class: 'muted' }, newest),
  );
}
