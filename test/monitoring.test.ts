/** What deploy/ has for those who watch: alerts that Prometheus' own tool reads and tries, and a dashboard of what there is. */
import { spawnSync } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseScrape } from '../packages/hrm-server/test/scrape.js';
import { environment, startService, temporaryDirectory } from './support/hrm.js';

const DEPLOY = fileURLToPath(new URL('../deploy/', import.meta.url));
const PROMETHEUS = join(DEPLOY, 'prometheus');
const METRICS_PAGE = fileURLToPath(new URL('../docs/reference/metrics.md', import.meta.url));
const NAME = /\b(?:hrm|process|nodejs)_[a-z\d_]+\b/g;

interface Rules {
  readonly groups: { readonly rules: { alert: string; expr: string; labels: { severity: string } }[] }[];
}

interface Dashboard {
  readonly panels: {
    readonly title: string;
    readonly type: string;
    readonly targets?: readonly { readonly expr: string }[];
    readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  }[];
}

async function readRules(): Promise<Rules> {
  return parse(await readFile(join(PROMETHEUS, 'alerts.yml'), 'utf8')) as Rules;
}

async function readDashboard(): Promise<Dashboard> {
  return JSON.parse(await readFile(join(DEPLOY, 'grafana/heart-rate-monitor.json'), 'utf8')) as Dashboard;
}

function expressionsOf({ panels }: Dashboard): string[] {
  return panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
}

function promtool(directory: string, ...args: string[]): { readonly passed: boolean; readonly said: string } {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, {
    cwd: directory,
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (error) throw error;
  return { passed: status === 0, said: stdout + stderr };
}

/** Rules beside their tests, in a directory of their own. */
async function withRules(rules: unknown): Promise<string> {
  const directory = await temporaryDirectory();
  await writeFile(join(directory, 'alerts.yml'), JSON.stringify(rules));
  await copyFile(join(PROMETHEUS, 'alerts.test.yml'), join(directory, 'alerts.test.yml'));
  return directory;
}

describe('the alerts', () => {
  it('are read by promtool, and so is the example that loads them', () => {
    expect(promtool(PROMETHEUS, 'check', 'rules', 'alerts.yml')).toMatchObject({ passed: true });
    expect(promtool(PROMETHEUS, 'check', 'config', 'prometheus.yml')).toMatchObject({ passed: true });
  });

  it('fire where they should, and not before', () => {
    const { passed, said } = promtool(PROMETHEUS, 'test', 'rules', 'alerts.test.yml');
    expect(passed, said).toBe(true);
  });

  it('are each tried: one that never fires is found', async () => {
    const { groups } = await readRules();
    const all = groups.flatMap(({ rules }) => rules);
    expect(all.length).toBeGreaterThan(10);
    for (const rule of all) rule.expr = 'vector(0) > 1';
    const { passed, said } = promtool(await withRules({ groups }), 'test', 'rules', 'alerts.test.yml');
    expect(passed).toBe(false);
    expect(all.filter(({ alert }) => !said.includes(`alertname=\\"${alert}\\"`)).map(({ alert }) => alert)).toEqual([]);
  });

  it('have a severity that is known', async () => {
    const { groups } = await readRules();
    const severities = groups.flatMap(({ rules }) => rules.map(({ labels }) => labels.severity));
    expect(new Set(severities)).toEqual(new Set(['critical', 'warning']));
  });
});

/** What Prometheus has of a service that was just started, and stays as it is. */
async function freshSeries(): Promise<{ readonly series: string; readonly values: string }[]> {
  const { url } = await startService(environment(await temporaryDirectory()));
  let text = '';
  // The compacter's first run is a moment after the start.
  await expect
    .poll(async () => {
      text = await (await fetch(`${url}/metrics`)).text();
      return text;
    })
    .toMatch(/^hrm_compaction_last_run_timestamp_seconds \d/m);
  return [...text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(([, name, labels = '', value]) => {
    return { series: `${name}{job="hrm",${labels}}`, values: `${value}x20` };
  });
}

describe('the dashboard', () => {
  it('asks what Prometheus understands', async () => {
    const expressions = expressionsOf(await readDashboard());
    expect(expressions.length).toBeGreaterThan(30);
    const rules = expressions.map((expr, i) => {
      return { record: `test:panel:${i}`, expr: expr.replaceAll('$__rate_interval', '1m').replaceAll('$job', 'hrm') };
    });
    const directory = await withRules({ groups: [{ name: 'panels', rules }] });
    const { passed, said } = promtool(directory, 'check', 'rules', 'alerts.yml');
    expect(passed, said).toBe(true);
  });

  it('has a figure in each of its numbers before anything has failed, and before anybody has asked', async () => {
    const series = await freshSeries();
    const stats = (await readDashboard()).panels.filter(({ type }) => type === 'stat');
    expect(stats.length).toBeGreaterThan(3);
    const exprs = expressionsOf({ panels: stats }).map((expr) =>
      expr.replaceAll('$__rate_interval', '5m').replaceAll('$job', 'hrm'),
    );
    // Absent is no figure, and neither is what differs from itself: 0 / 0.
    const tests = exprs.map((expr) => ({
      expr: `absent(${expr}) or ((${expr}) != (${expr}))`,
      eval_time: '10m',
      exp_samples: [],
    }));
    const directory = await withRules({ groups: [] });
    const text = { rule_files: [], tests: [{ interval: '1m', input_series: series, promql_expr_test: tests }] };
    await writeFile(join(directory, 'stats.test.yml'), JSON.stringify(text));
    const { passed, said } = promtool(directory, 'test', 'rules', 'stats.test.yml');
    expect(passed, said).toBe(true);
  });

  it('has no panel over another, and asks every job that is chosen', async () => {
    const dashboard = await readDashboard();
    const taken = new Set<string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect([title, gridPos.x + gridPos.w <= 24]).toEqual([title, true]);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect([title, taken.has(`${x} ${y}`)]).toEqual([title, false]);
          taken.add(`${x} ${y}`);
        }
      }
    }
    for (const expr of expressionsOf(dashboard)) {
      expect([expr, expr.match(NAME)?.length]).toEqual([expr, expr.match(/\{job=~"\$job"/g)?.length]);
    }
  });
});

describe('what is measured', () => {
  async function measured(): Promise<ReadonlySet<string>> {
    const { url } = await startService(environment(await temporaryDirectory()));
    return parseScrape(await (await fetch(`${url}/metrics`)).text()).names;
  }

  /** Names of metrics in a text, those of a histogram's series as the histogram's. */
  function namesIn(text: string, names: ReadonlySet<string>): Set<string> {
    const found = text.match(NAME) ?? [];
    return new Set(found.map((name) => (names.has(name) ? name : name.replace(/_(bucket|sum|count)$/, ''))));
  }

  it('has names and labels as Prometheus wants them', async () => {
    const { url } = await startService(environment(await temporaryDirectory()));
    const text = await (await fetch(`${url}/metrics`)).text();
    const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('is all that alerts and dashboard ask for', async () => {
    const names = await measured();
    const { groups } = await readRules();
    const asked = namesIn(groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)).join('\n'), names);
    expect(asked.size).toBeGreaterThan(10);
    expect([...asked].filter((name) => !names.has(name))).toEqual([]);
    const shown = namesIn(expressionsOf(await readDashboard()).join('\n'), names);
    expect([...shown].filter((name) => !names.has(name))).toEqual([]);
  });

  it('is shown, all of it, and described', async () => {
    const names = await measured();
    const shown = namesIn(expressionsOf(await readDashboard()).join('\n'), names);
    expect([...names].filter((name) => !shown.has(name))).toEqual([]);
    const described = (await readFile(METRICS_PAGE, 'utf8')).matchAll(/^\| `((?:hrm|process|nodejs)_[a-z\d_]+)` +\|/gm);
    expect([...described].map(([, name = '']) => name).sort()).toEqual([...names].sort());
  });
});
