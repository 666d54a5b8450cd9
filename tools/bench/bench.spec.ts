import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { findRegistry } from './docker-registry.mjs';

const SCRIPT = join(import.meta.dirname, 'bench.mjs');

/** What the table must tell, whatever the figures are. */
const ROWS = [
  'raw HEADs, bare undici pool',
  'our client, of the bare pool',
  '50 new: observations',
  '50 new: of the raw HEADs',
  '50 unchanged: observations',
  '50 unchanged: CPU s per 1,000, our four services',
  '50 unchanged: requests per observation',
  '50 unchanged: SQL statements per observation',
  '100, 1 % changed: observations',
  'sockets opened by the fetcher',
  'overview, first page',
  'overview, middle page',
  'overview, last page',
  'search, few hits',
  'search, no hit',
  'details of the busiest tag',
  'changes of the busiest tag',
  'frequency of the busiest tag',
  '50 users, everything mixed: p99',
  'overview: until its first row is seen',
  'sort by tag: until other rows are seen',
  'fetcher + projector, after a scan of everything',
  'requests to all together',
  'Docker Hub',
  'Quay',
  'Google Artifact Registry',
  'plain OCI',
];

it('measures every part with small numbers and prints one table', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, '--quick'], { encoding: 'utf8' });
  expect({ status, stderr }).toMatchObject({ status: 0 });
  const rows = stdout.split('\n').filter((line) => line.startsWith('| '));
  for (const row of ROWS) expect(rows.find((line) => line.startsWith(`| ${row}`))).toBeDefined();
  expect(stdout).not.toMatch(/NaN|Infinity|undefined/);
  expect(new Set(rows.map((line) => line.length)).size).toBe(1);
  if (findRegistry() !== undefined) expect(rows.filter((line) => line.includes('50 unchanged: obs'))).toHaveLength(2);
  expect(stdout).toContain('- import: left out: it has no small form');
  expect(stdout).toMatch(/^- NATS \d+\.\d+\.\d+, /m);
}, 300_000);
