import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { metricsAndRunbooks, metricsInCode } from './static-checks.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The names in the places where metrics are named, by file: rules, tests of rules, dashboard, runbooks, chart. */
function namedMetrics(): [file: string, name: string][] {
  const chart = 'charts/docker-tag-monitor';
  const runbooks = readdirSync(join(ROOT, 'docs/runbooks')).map((name) => `docs/runbooks/${name}`);
  const templates = readdirSync(join(ROOT, chart, 'templates')).map((name) => `${chart}/templates/${name}`);
  const grafana = ['alerts.yaml', 'alerts.test.yaml', 'dashboard.json'].map((name) => `infra/grafana/${name}`);
  return [...grafana, ...runbooks, ...templates, `${chart}/values.yaml`].flatMap((file) => {
    const text = readFileSync(join(ROOT, file), 'utf8');
    // Roles of PostgreSQL begin like metrics; they end nowhere like them.
    const names = text.match(
      /\bdtm_[a-z_]+_(?:total|seconds|bytes|bucket|sum|count|events|clients|leading|messages|tags|repositories)\b/g,
    );
    return [...new Set(names)].map((name): [string, string] => [file, name]);
  });
}

describe('what alerts, dashboard, runbooks and chart name', () => {
  it('is measured by a service', () => {
    const known = new Set([...metricsInCode(), 'dtm_backup_last_success_timestamp_seconds']);
    const unknown = namedMetrics().filter(
      ([, name]) => !known.has(name) && !known.has(name.replace(/_(?:bucket|sum|count)$/, '')),
    );
    expect(unknown).toEqual([]);
    expect(known.size).toBeGreaterThan(20);
  });

  it('has an alert for each page and a page for each alert', () => {
    expect(metricsAndRunbooks()).toContain('metrics');
  });
});
