import type { ScanRequest } from '@dtm/events';
import type { HistoryTail, RepositoryScanState } from '@dtm/jetstream';
import type { RepositoryName } from '@dtm/oci';

/** Which of a repository's tracked tags a request asks for, and in which order. */
export interface TagChoice {
  scan: string[];
  skipped: string[];
}

/**
 * Leaves out tags that have been quiet since the request's time, except `latest` and those of unknown age. Longest unseen
 * first, so that a scan that a throttled registry cuts short does not forget the same tags each time.
 */
export function chooseTags(
  name: RepositoryName,
  tags: readonly string[],
  history: Pick<HistoryTail, 'head'>,
  state: RepositoryScanState,
  request: Pick<ScanRequest, 'skipQuietSince'>,
): TagChoice {
  const quietSince = request.skipQuietSince === undefined ? null : Date.parse(request.skipQuietSince);
  const scan: string[] = [];
  const skipped: string[] = [];
  for (const tag of tags) {
    const head = quietSince === null || tag === 'latest' ? null : history.head(name.tag(tag));
    const quiet = head !== null && quietSince !== null && isQuiet(head, quietSince);
    (quiet ? skipped : scan).push(tag);
  }
  const seen = (tag: string): number => state.tags.get(tag)?.lastSeenAt.getTime() ?? 0;
  scan.sort((a, b) => seen(a) - seen(b));
  return { scan, skipped };
}

/** A tag with a baseline alone and no push time is of unknown age: it is never quiet. */
function isQuiet(head: { pushedAt: Date | null; changedAt: Date | null; gone: boolean }, since: number): boolean {
  const newest = Math.max(head.pushedAt?.getTime() ?? 0, head.changedAt?.getTime() ?? 0);
  return newest > 0 && newest < since;
}
