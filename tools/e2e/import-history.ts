import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from '@jest/globals';
import type { RunningSystem } from './system.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const DAY_MS = 86_400_000;

/** That a tag had a digest so many days ago. */
export interface Imported {
  /** `registry/repository` */
  image: string;
  tag: string;
  daysAgo: number;
  /** Default: one of its own. */
  digest?: string;
}

/** Imports history into a running system, as `npm run import` does. */
export async function importHistory(system: RunningSystem, history: readonly Imported[]): Promise<void> {
  const rows = history.map(({ image, tag, daysAgo, digest = digestOf(`${image}${tag}${daysAgo}`) }) =>
    [image, tag, digest, new Date(Date.now() - daysAgo * DAY_MS).toISOString()].join(','),
  );
  const file = join(system.dataDir, 'history.csv');
  writeFileSync(file, ['image,tag,digest,observed_at', ...rows].join('\n'));
  const script = join(ROOT, 'tools', 'import', 'import.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--from', 'csv', '--file', file], {
    cwd: ROOT,
    env: { ...process.env, NATS_URL: system.natsUrl },
  });
  expect(stdout).toContain(`${rows.length} imported`);
}

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
