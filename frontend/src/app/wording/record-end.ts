import type { TagDetails } from '@dtm/api-contract';
import { DAY } from './time.ts';

/**
 * When the record of a tag that is not looked at ends: what it pointed to since then nobody knows. Null where it is looked at,
 * or was until a day ago. RFC 3339
 */
export function recordEnd(
  tag: Pick<TagDetails, 'state' | 'lastScannedAt' | 'lastChangedAt' | 'cadence'>,
  now: number,
): string | null {
  if (tag.state === 'active' || tag.state === 'inactive' || tag.state === 'gone') return null;
  const known = [tag.lastScannedAt, tag.lastChangedAt, tag.cadence.watchedSince].filter((at) => at !== null);
  const newest = known.toSorted((one, other) => Date.parse(one) - Date.parse(other)).at(-1) ?? null;
  return newest === null || now - Date.parse(newest) < DAY ? null : newest;
}
