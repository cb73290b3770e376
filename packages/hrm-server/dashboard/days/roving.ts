/** Many links that are one stop of the Tab key: arrow keys go from one to the next. */

/** Keys, and how many links each goes on; the rows of a calendar stand a week apart. */
const STEPS: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 };
const WEEK_STEPS: Readonly<Record<string, number>> = { ...STEPS, ArrowUp: -7, ArrowDown: 7 };

/** @param first - the link that Tab comes to at first. @param hasWeeks - Up and Down go by a week. */
export function rove(links: readonly HTMLElement[], first: HTMLElement | undefined, hasWeeks = false): void {
  for (const link of links) {
    link.tabIndex = link === first ? 0 : -1;
    link.addEventListener('focus', () => {
      for (const other of links) other.tabIndex = other === link ? 0 : -1;
    });
    link.addEventListener('keydown', (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      const to = targetOf(event.key, links.indexOf(link), links.length, hasWeeks);
      if (to === null) return;
      event.preventDefault();
      links[to]?.focus();
    });
  }
}

function targetOf(key: string, at: number, size: number, hasWeeks: boolean): number | null {
  if (key === 'Home') return 0;
  if (key === 'End') return size - 1;
  const step = (hasWeeks ? WEEK_STEPS : STEPS)[key];
  return step === undefined ? null : Math.min(size - 1, Math.max(0, at + step));
}
