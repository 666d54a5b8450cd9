import type { ScanRequest } from '@dtm/events';
import type { HistoryHead, TagScanState } from '@dtm/jetstream';

/** Which of a repository's tracked tags a request asks for, and in which order. */
export interface TagChoice {
  scan: string[];
  skipped: string[];
}

/** What is known of a tag. */
export interface TagsKnown {
  head: (tag: string) => HistoryHead | null;
  state: ReadonlyMap<string, TagScanState>;
}

/**
 * Leaves out tags that have been quiet since the request's time, except `latest` and those of unknown age. Longest unseen
 * first, so that a scan that a throttled registry cuts short does not forget the same tags each time.
 */
export function chooseTags(
  tags: Iterable<string>,
  { head, state }: TagsKnown,
  request: Pick<ScanRequest, 'skipQuietSince'>,
): TagChoice {
  const quietSince = request.skipQuietSince === undefined ? null : Date.parse(request.skipQuietSince);
  const scan: string[] = [];
  const skipped: string[] = [];
  for (const tag of tags) {
    const quiet = quietSince !== null && tag !== 'latest' && isQuiet(head(tag), quietSince);
    (quiet ? skipped : scan).push(tag);
  }
  const seen = (tag: string): number => state.get(tag)?.lastSeenAt.getTime() ?? 0;
  scan.sort((a, b) => seen(a) - seen(b));
  return { scan, skipped };
}

/** A tag without history, and one with a baseline alone and no push time, is of unknown age: it is never quiet. */
function isQuiet(head: HistoryHead | null, since: number): boolean {
  const newest = Math.max(head?.pushedAt?.getTime() ?? 0, head?.changedAt?.getTime() ?? 0);
  return newest > 0 && newest < since;
}
