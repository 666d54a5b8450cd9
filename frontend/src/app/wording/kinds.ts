import type { ChangeKind, TagState, TrackedBy } from '@dtm/api-contract';

/** What kinds of change are called, and what they mean. */
export const KIND_WORDS: Record<ChangeKind, { label: string; meaning: string }> = {
  baseline: { label: 'First seen', meaning: 'The first digest seen: where the record begins. It is no change.' },
  change: { label: 'Changed', meaning: 'The tag was moved to another digest.' },
  disappearance: { label: 'Gone', meaning: 'The registry no longer had the tag.' },
  return: { label: 'Returned', meaning: 'The tag came back with the digest it had before.' },
};

/** What states are called, and what they mean. */
export const STATE_WORDS: Record<TagState, { label: string; meaning: string }> = {
  active: { label: 'active', meaning: 'Scanned at every interval.' },
  inactive: {
    label: 'scanned rarely',
    meaning: 'Its last push or change is so long ago that it is scanned only now and then.',
  },
  pending: { label: 'pending', meaning: 'Watched, but not scanned yet: the first result is due shortly.' },
  unreachable: { label: 'unreachable', meaning: 'The last two scans failed; the record may miss changes.' },
  gone: { label: 'gone', meaning: 'The registry no longer has this tag. Its record stays.' },
  expired: { label: 'expired', meaning: 'Nobody looked at it for long, so it is no longer scanned. Its record stays.' },
  untracked: { label: 'untracked', meaning: 'Not watched any more, or only imported. Its record stays.' },
};

/** Who asked for a tag to be watched. */
export const TRACKED_BY_WORDS: Record<TrackedBy, string> = {
  person: 'someone asked for it',
  view: 'someone looked at it again after it had expired',
  popular: 'added by itself: a popular image of Docker Hub',
  'new-tag': 'added by itself: a new tag of a watched repository',
  import: 'with an import',
};

/** How an observation is known: by which question to the registry, or from which import. */
export function sourceInWords(source: string): string {
  if (source === 'head') return 'HEAD';
  if (source === 'get') return 'GET';
  return `import of ${source}`;
}

/** What is known to have happened at the time of the last push, and who says so. */
export function pushSourceInWords(source: string): string {
  if (source === 'registry') return 'pushed, as the registry says';
  if (source === 'image') return 'built, as the image says; its registry tells of no push';
  return source;
}

/** Whether nobody asked for it: the monitor added it by itself. */
export function isAddedByItself(by: TrackedBy | null): boolean {
  return by === 'popular' || by === 'new-tag';
}
