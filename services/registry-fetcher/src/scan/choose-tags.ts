import type { ScanRequest } from '@dtm/events';
import { lastActivity, type HistoryHead, type TagScanState } from '@dtm/jetstream';

/** Which of a repository's tracked tags a request asks for, and in which order. */
export interface TagChoice {
  scan: string[];
  skipped: string[];
}

/** What is known of a tag. */
export interface TagsKnown {
  head: (tag: string) => HistoryHead | null;
  state: ReadonlyMap<string, TagScanState>;
  /** When the image of a digest was built, as it says itself; null where that is not known. */
  builtAt: (digest: string) => Date | null;
}

/**
 * Leaves out tags that have been quiet since the request's time, except `latest`, those of unknown age, and those of which
 * the last scans left nothing: they are new, or tracked again after a time in which nobody looked at them. Longest unseen
 * first, so that a scan that a throttled registry cuts short does not forget the same tags each time.
 */
export function chooseTags(
  tags: Iterable<string>,
  { head, state, builtAt }: TagsKnown,
  request: Pick<ScanRequest, 'requestedAt' | 'skipQuietSince' | 'skipQuietUntil'>,
  startedAt: Date,
): TagChoice {
  const now = new Date(request.requestedAt);
  const { skipQuietSince, skipQuietUntil } = request;
  // It waited until they are due: the scheduler takes it for the scan that looks at them, as it begins now.
  const areDue = skipQuietUntil !== undefined && startedAt >= new Date(skipQuietUntil);
  const quietSince = skipQuietSince === undefined || areDue ? null : new Date(skipQuietSince);
  const isQuiet = (tag: string, since: Date): boolean => {
    if (!state.has(tag)) return false;
    const known = head(tag);
    const activity = known === null ? null : lastActivity(known, builtAt, now);
    return activity !== null && activity < since;
  };
  const scan: string[] = [];
  const skipped: string[] = [];
  for (const tag of tags) {
    const quiet = quietSince !== null && tag !== 'latest' && isQuiet(tag, quietSince);
    (quiet ? skipped : scan).push(tag);
  }
  const seen = (tag: string): number => state.get(tag)?.lastSeenAt.getTime() ?? 0;
  scan.sort((a, b) => seen(a) - seen(b));
  return { scan, skipped };
}
