import type { TrackResult } from '@dtm/api-contract';

/** What became of a wish to watch a tag: what happened, and what to do now. */
export function outcomeInWords({ reference, outcome, reason }: TrackResult): string {
  const why = reason === undefined || reason === '' ? '' : ` ${sentenceOf(reason)}`;
  switch (outcome) {
    case 'tracked':
      return `${reference} is watched now. The first result is due in a few seconds.`;
    case 'already-tracked':
      return `${reference} is watched already.`;
    case 'not-found':
      return `${reference} was not found: it is missing or private.${why} Check the spelling of repository and tag.`;
    case 'invalid':
      return `"${reference}" is not a reference.${why}`;
    case 'refused':
      return `${reference} was refused.${why}`;
    case 'unreachable':
      return `The registry of ${reference} could not be reached.${why} Try again later.`;
    case 'throttled':
      return `The registry of ${reference} asks for a pause.${why} Try again later.`;
  }
}

/** Whether the tag is watched after this. */
export function isWatched({ outcome }: Pick<TrackResult, 'outcome'>): boolean {
  return outcome === 'tracked' || outcome === 'already-tracked';
}

/** A text as a sentence: with a capital first, unless it begins with a name such as `quay.io`, and an end. */
export function sentenceOf(text: string): string {
  const trimmed = text.trim();
  const ended = /[.?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
  if (/^\S+[.:/][^\s]/.test(ended)) return ended;
  return `${ended.charAt(0).toUpperCase()}${ended.slice(1)}`;
}
