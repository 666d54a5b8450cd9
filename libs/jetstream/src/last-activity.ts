import type { HistoryHead } from './history-tail.ts';

/**
 * An image tells when it was built, not when it was pushed: what was built long ago may have been put under the tag a
 * moment ago, and may be followed by more. For so long after an event a tag's age is not reckoned by its image.
 */
const SETTLED_AFTER_MS = 24 * 3600 * 1000;

/**
 * When a tag was last pushed or last changed, the later: what decides whether it is scanned rarely, as the read models
 * reckon the state `inactive` by. The build date of its image stands in where the registry named no push. Null: of unknown
 * age, as a baseline is of which neither tells a time.
 */
export function lastActivity(head: HistoryHead, builtAt: (digest: string) => Date | null, now: Date): Date | null {
  const isSettled = now.getTime() - head.observedAt.getTime() >= SETTLED_AFTER_MS;
  const pushedAt = head.pushedAt ?? (head.gone || !isSettled ? null : builtAt(head.digest));
  if (pushedAt === null || head.changedAt === null) return pushedAt ?? head.changedAt;
  return pushedAt > head.changedAt ? pushedAt : head.changedAt;
}
