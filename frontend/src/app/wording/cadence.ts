import type { TagDetails } from '@dtm/api-contract';
import { recordEnd } from './record-end.ts';
import { agoInWords, DAY, dayInWords, durationInWords, MINUTE, periodInWords, relativeInWords } from './time.ts';

type Known = Pick<
  TagDetails,
  | 'state'
  | 'trackedSince'
  | 'lastScannedAt'
  | 'lastChangedAt'
  | 'lastPushedAt'
  | 'changeCount'
  | 'cadence'
  | 'nextScanAt'
>;

/** The one sentence that answers how often a tag is rebuilt, when it last was, and since when that is known. */
export function cadenceSentence(tag: Known, now: number): string {
  const since = tag.cadence.watchedSince;
  if (since === null) return beforeTheFirst(tag, now);
  const end = recordEnd(tag, now);
  const recorded = sinceInWords(since, tag.trackedSince, now);
  const watched = end === null ? recorded : `nothing is known since ${dayInWords(end, now)}; ${recorded}`;
  const gone = tag.state === 'gone' ? 'Gone from its registry; the record stays. ' : '';
  if (tag.changeCount === 0 || tag.lastChangedAt === null) {
    if (gone !== '') return `${gone}No change seen before; ${watched}.`;
    const unchanged = end === null ? 'Not rebuilt since it was first seen' : 'No change on record; first seen';
    return `${unchanged} ${agoInWords(since, now)}; ${watched}.`;
  }
  const last = agoInWords(tag.lastChangedAt, now);
  if (tag.cadence.medianGapSeconds === null || tag.changeCount === 1) {
    return `${gone}Rebuilt once, ${last}; ${watched}.`;
  }
  const every = periodInWords(tag.cadence.medianGapSeconds * 1_000);
  if (end === null && slowedDown(tag, now)) {
    const lately = tag.cadence.changes90d === 1 ? 'once' : `${tag.cadence.changes90d} times`;
    const all = `about every ${every} over the whole record, ${counted(tag.changeCount)}`;
    return `${gone}Rebuilt ${lately} in 90 days, last ${last}; ${all}; ${watched}.`;
  }
  const until = end === null ? now : Date.parse(end);
  const silence = durationInWords(until - Date.parse(tag.lastChangedAt));
  const rhythm = fellSilent(tag, until)
    ? `Not rebuilt for ${silence}${end === null ? '' : ` until ${dayInWords(end, now)}`}; before that about every ${every}`
    : `Rebuilt about every ${every}; last ${last}`;
  return `${gone}${rhythm}; ${end === null ? changesInWords(tag, now) : `${counted(tag.changeCount)} in all`}; ${watched}.`;
}

/** `31 changes in 90 days`, over the shortest time that says something. */
function changesInWords({ cadence, changeCount }: Known, now: number): string {
  const watchedFor = now - Date.parse(cadence.watchedSince ?? '');
  if (cadence.changes90d > 0 && watchedFor > 90 * DAY) return `${counted(cadence.changes90d)} in 90 days`;
  if (cadence.changes365d > 0 && watchedFor > 365 * DAY) return `${counted(cadence.changes365d)} in a year`;
  return `${counted(changeCount)} in all`;
}

/**
 * `watched since 12 May`; a record that begins before the tag was watched here was imported, and says so:
 * `history since 12 May 2019, imported; watched here since 3 Nov`.
 */
export function sinceInWords(recordedSince: string, trackedSince: string | null, now: number): string {
  const history = `history since ${dayInWords(recordedSince, now)}, imported`;
  if (trackedSince === null) return history;
  // Clocks of two machines differ by a little.
  if (Date.parse(recordedSince) > Date.parse(trackedSince) - MINUTE)
    return `watched since ${dayInWords(recordedSince, now)}`;
  return `${history}; watched here since ${dayInWords(trackedSince, now)}`;
}

function beforeTheFirst(tag: Known, now: number): string {
  if (tag.state === 'unreachable') return 'Its registry has not answered yet; it is asked again and again.';
  if (tag.trackedSince === null) return 'Not watched, and nothing is on record.';
  const due = tag.nextScanAt === null ? 'shortly' : dueIn(tag.nextScanAt, now);
  return `Watching began ${agoInWords(tag.trackedSince, now)}. The first result is due ${due}.`;
}

function dueIn(at: string, now: number): string {
  return Date.parse(at) - now < 1_500 ? 'any moment' : relativeInWords(at, now);
}

/** Silent for so long that "every 6 days" would mislead. */
function fellSilent({ cadence, lastChangedAt }: Known, until: number): boolean {
  const silence = until - Date.parse(lastChangedAt ?? '');
  return silence > 60 * DAY && silence > 4_000 * (cadence.medianGapSeconds ?? 0);
}

/** Rebuilt lately, but a quarter as often as its rhythm says, or less. */
function slowedDown({ cadence }: Known, now: number): boolean {
  const { changes90d, medianGapSeconds, watchedSince } = cadence;
  if (medianGapSeconds === null || changes90d === 0 || now - Date.parse(watchedSince ?? '') < 90 * DAY) return false;
  return changes90d * medianGapSeconds * 1_000 < (90 * DAY) / 4;
}

function counted(changes: number): string {
  return `${changes.toLocaleString('en')} ${changes === 1 ? 'change' : 'changes'}`;
}
