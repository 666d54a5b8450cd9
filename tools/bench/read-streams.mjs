import { randomUUID } from 'node:crypto';
import { ScanLog } from '@dtm/jetstream';
import { inParallel, recordBaselines, track } from './fill.mjs';

/**
 * Puts into the streams what the scheduler needs to answer when a tag is due: what is tracked, each tag's last event, and
 * each repository's last scan, without which it would ask for all of them at once.
 * @param {import('./system.mjs').System} system
 * @param {string} schema
 */
export async function fillStreams({ nc, database }, schema) {
  const tags = /** @type {{ registry: string, repository: string, tag: string }[]} */ (
    await database.query(`select registry, repository, tag from "${schema}".tag where tracked order by id`)
  );
  await track(nc, tags);
  await recordBaselines(nc, tags);
  const repositories = new Map(
    tags.map(({ registry, repository }) => [`${registry}/${repository}`, { registry, repository }]),
  );
  const log = new ScanLog(nc);
  const at = new Date().toISOString();
  await inParallel(repositories.values(), 64, async ({ registry, repository }) => {
    await log.recordScanned({
      registry,
      repository,
      scanId: randomUUID(),
      reason: 'interval',
      startedAt: at,
      finishedAt: at,
      requests: 10,
      trackingSequence: tags.length,
      intervalSeconds: 86_400,
      adapter: 'oci',
      acceptVersion: 1,
      historySequence: tags.length,
      observations: 10,
      changes: 0,
      coverage: { mode: 'all-but', tags: [] },
      failures: [],
      missing: [],
    });
  });
}
