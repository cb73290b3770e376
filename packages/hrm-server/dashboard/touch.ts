/** Choosing a part of a chart with a finger, which uPlot knows for mice alone. Up and down still scroll the page. */
import type uPlot from 'uplot';

/** What is less is a tap, px. */
const MIN_DRAG_PX = 10;

/** Listens to fingers in a place. @param plotOf - the chart that is there now. */
export function chooseByTouch(
  place: HTMLElement,
  plotOf: () => uPlot | null,
  onChosen: (fromPx: number, toPx: number) => void,
): void {
  let startPx: number | null = null;

  function positionOf(event: PointerEvent): number {
    const { left, width } = plotOf()?.over.getBoundingClientRect() ?? { left: 0, width: 0 };
    return Math.min(width, Math.max(0, event.clientX - left));
  }

  function select(fromPx: number, toPx: number): void {
    const plot = plotOf();
    const [left, width] = [Math.min(fromPx, toPx), Math.abs(toPx - fromPx)];
    plot?.setSelect({ left, width, top: 0, height: plot.over.clientHeight }, false);
  }

  function giveUp(): void {
    if (startPx !== null) select(0, 0);
    startPx = null;
  }

  place.addEventListener('pointerdown', (event) => {
    // A second finger is for the browser: it makes the page larger.
    if (event.pointerType === 'touch' && event.isPrimary) startPx = positionOf(event);
    else giveUp();
  });
  place.addEventListener('pointermove', (event) => {
    if (startPx !== null && event.isPrimary) select(startPx, positionOf(event));
  });
  place.addEventListener('pointerup', (event) => {
    if (startPx === null || !event.isPrimary) return;
    const [fromPx, toPx] = [startPx, positionOf(event)].sort((a, b) => a - b) as [number, number];
    giveUp();
    if (toPx - fromPx >= MIN_DRAG_PX) onChosen(fromPx, toPx);
  });
  // The page scrolls instead.
  place.addEventListener('pointercancel', giveUp);
}
