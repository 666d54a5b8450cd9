import type { TrackedBy } from '@dtm/events';
import type { TrackingLog, TrackingTail } from '@dtm/jetstream';
import type { RepositoryName } from '@dtm/oci';

/** What discovery works with. */
export interface TrackingParts {
  trackingTail: Pick<TrackingTail, 'repository' | 'catchUp'>;
  trackingLog: Pick<TrackingLog, 'track'>;
}

const AT_ONCE = 16;

/**
 * Tracks tags that nobody asked for: those that are not tracked, and that nobody has untracked. Returns how many it tracked.
 * Rejects with the signal's reason where it is told to stop; what is tracked by then stays.
 */
export async function trackTags(
  { trackingTail, trackingLog }: TrackingParts,
  name: RepositoryName,
  tags: readonly string[],
  by: Extract<TrackedBy, 'new-tag' | 'popular'>,
  signal: AbortSignal,
): Promise<number> {
  const tracked = trackingTail.repository(name)?.tags;
  const open = tags.filter((tag) => tracked?.has(tag) !== true);
  let count = 0;
  for (let at = 0; at < open.length; at += AT_ONCE) {
    signal.throwIfAborted();
    const outcomes = await Promise.all(
      open.slice(at, at + AT_ONCE).map(async (tag) => trackingLog.track(name.tag(tag), by)),
    );
    count += outcomes.filter((outcome) => outcome === 'tracked').length;
  }
  return count;
}
