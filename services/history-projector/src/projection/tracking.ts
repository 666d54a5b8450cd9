import { EVENT_TYPES, type TagTracked, type TagUntracked, type TrackingEvent } from '@dtm/events';
import { later } from './instants.ts';
import type { Read } from './messages.ts';
import type { WorkingSet } from './working-set.ts';

/** Projects one message of TRACKING: a copy of it, whatever it holds; one that cannot be read changes nothing else. */
export function projectTracking(set: WorkingSet, { event, message }: Read<TrackingEvent>): void {
  set.trackingEvents.push({ sequence: message.sequence, subject: message.subject, event: message.data });
  if (event === null) return;
  if (event.type === EVENT_TYPES.TagTracked) track(set, event.data, message.sequence);
  else untrack(set, event.data, message.sequence);
}

function track(set: WorkingSet, data: TagTracked, sequence: number): void {
  const tag = set.tag(data);
  if (tag.tracked) return;
  const at = new Date(data.trackedAt);
  tag.tracked = true;
  tag.trackedSince ??= at;
  tag.trackedBy = data.by;
  tag.firstTrackedSequence ??= sequence;
  tag.trackedSequence = sequence;
  tag.untrackedAt = null;
  tag.untrackedBy = null;
  const repository = set.repository(data);
  if (repository.trackedTags === 0) repository.watchedFrom = at;
  repository.trackedTags += 1;
  set.changedRepositories.add(repository);
}

function untrack(set: WorkingSet, data: TagUntracked, sequence: number): void {
  const tag = set.tag(data);
  // What a person ended does not turn into an expiry.
  if (!tag.tracked && tag.untrackedBy === 'person') return;
  tag.untrackedSequence = sequence;
  tag.untrackedAt = new Date(data.untrackedAt);
  tag.untrackedBy = data.by;
  if (!tag.tracked) return;
  const repository = set.repository(data);
  tag.tracked = false;
  // From now on the scans of its repository say nothing about it.
  if (!tag.exempt) tag.ownLastScannedAt = later(tag.ownLastScannedAt, repository.lastScannedAt);
  tag.exempt = true;
  tag.failedScans = 0;
  tag.lastFailureCode = null;
  tag.lastFailure = null;
  tag.lastFailedAt = null;
  repository.trackedTags -= 1;
  if (repository.trackedTags === 0) repository.watchedFrom = null;
  set.changedRepositories.add(repository);
}
