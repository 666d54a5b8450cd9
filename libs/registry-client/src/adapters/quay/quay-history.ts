import { isTag, parseDigest, type RepositoryName } from '@dtm/oci';
import type { CallOptions } from '../../registry-client.ts';
import type { HistoryRow } from '../history-row.ts';
import { type QuayApi, secondsToDate } from './quay-api.ts';

/** Pages of one history. */
const MAX_PAGES = 1000;

/**
 * What Quay remembers of a repository's tags, the newest first: every row, so that a push of the same digest is one of its
 * own. Rows that ended longer ago than the namespace's time machine reaches (two weeks unless configured) are gone. Throws
 * `RegistryFailure`; `since` ends the reading at rows that began earlier.
 */
export async function* quayTagHistory(
  api: Pick<QuayApi, 'tags'>,
  repository: RepositoryName,
  options: CallOptions & { since?: Date } = {},
): AsyncGenerator<HistoryRow, void, undefined> {
  const { since, signal } = options;
  for (let number = 1; number <= MAX_PAGES; number++) {
    const page = await api.tags(repository, number, 'history', { signal });
    for (const { name, manifest_digest: named, start_ts: start, end_ts: end } of page.tags) {
      const from = secondsToDate(start);
      const digest = typeof named === 'string' ? parseDigest(named) : null;
      if (from !== null && since !== undefined && from < since) return;
      if (from === null || typeof name !== 'string' || !isTag(name)) continue;
      const endedAt = secondsToDate(end);
      // An end in the future is when the tag expires, not when it moved.
      const to = endedAt !== null && endedAt <= page.sentAt ? endedAt : null;
      if (to !== null && to < from) continue;
      yield { tag: name, digest, from, to, source: 'quay' };
    }
    if (!page.more) return;
  }
}
