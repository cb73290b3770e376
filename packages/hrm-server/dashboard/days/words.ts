/** Days in words. */
import type { DayFigures } from 'hrm-core/client';
import { createFormat } from '../clocks.js';
import { describeMinutes, type Range } from '../range.js';
import { rateText, texts } from '../texts/texts.js';
import { ZONES } from '../zones.js';

const words = texts.days;

const DATE = createFormat({ weekday: 'long', day: 'numeric', month: 'long' });

/** A day of a range, with its figures where it has readings. */
export interface Day {
  readonly range: Range;
  readonly figures: DayFigures | null;
}

/** A heart rate with its unit; a dash where there is none. */
export function bpmText(bpm: number | null): string {
  return bpm === null ? '–' : `${rateText(bpm)} ${texts.shared.bpm}`;
}

/** All that is known of a day, for who does not see its bars or its colour. */
export function describeDay({ range, figures }: Day): string {
  const date = DATE().format(range.fromMs);
  if (figures === null) return `${date}: ${texts.chart.noReadings}`;
  const { restingRate, mean, minutes, zones } = figures;
  const rates = [`${words.restingRate} ${bpmText(restingRate)}`, `${words.meanRate} ${bpmText(mean)}`];
  const times = (zones ?? []).flatMap(({ minutes: inZone }, zone) =>
    inZone > 0 && zone > 0 ? [`${nameOfZone(zone)} ${describeMinutes(inZone)}`] : [],
  );
  return `${date}: ${[...rates, words.withReadings(describeMinutes(minutes)), ...times].join(', ')}`;
}

/** @param zone - by its place among {@link ZONES}. */
export function nameOfZone(zone: number): string {
  const key = ZONES[zone]?.key;
  return key === undefined ? '' : texts.zones[key];
}
