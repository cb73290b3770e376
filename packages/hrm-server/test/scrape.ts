/** Reads Prometheus' text form, strictly. */

/** What one scrape says. */
export interface Scrape {
  /** The value of a series, written as Prometheus would: `hrm_x_total{reason="y"}`, labels in the order of the alphabet. */
  value(series: string): number | undefined;
  /** Names of metrics, those without a value as yet too, without the `_bucket`, `_sum` and `_count` of histograms. */
  readonly names: ReadonlySet<string>;
  /** Label names -> every value seen. */
  readonly labels: ReadonlyMap<string, ReadonlySet<string>>;
  readonly text: string;
}

const SERIES = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/g;

/** @throws Error for a line that is none of the form. */
export function parseScrape(text: string): Scrape {
  const values = new Map<string, number>();
  const names = new Set<string>();
  const labels = new Map<string, Set<string>>();
  for (const line of text.split('\n')) {
    const [, typed] = /^# TYPE (\S+) (?:counter|gauge|histogram)$/.exec(line) ?? [];
    if (typed !== undefined) names.add(typed);
    if (line === '' || line.startsWith('#')) continue;
    const [, name, pairs = '', value] = SERIES.exec(line) ?? [];
    if (name === undefined) throw new Error(`this is no line of a scrape: ${line}`);
    const parsed = [...pairs.matchAll(LABEL)].map(([, label = '', text = '']) => [label, text] as const);
    for (const [label, text] of parsed) labels.set(label, (labels.get(label) ?? new Set()).add(text));
    if (!names.has(name) && !names.has(name.replace(/_(bucket|sum|count)$/, '')))
      throw new Error(`of no type: ${name}`);
    const sorted = parsed.map(([label, text]) => `${label}="${text}"`).sort();
    const key = sorted.length === 0 ? name : `${name}{${sorted.join()}}`;
    if (values.has(key)) throw new Error(`this series is there twice: ${key}`);
    values.set(key, Number(value));
  }
  return { value: (series) => values.get(series), names, labels, text };
}

/** Asks a server for its metrics. */
export async function scrape(url: string): Promise<Scrape> {
  const response = await fetch(`${url}/metrics`);
  if (response.status !== 200) throw new Error(`/metrics answered ${response.status}`);
  return parseScrape(await response.text());
}
