import type { RepositoryRecord, TagRecord } from '@dtm/read-model';
import { isUnreachable } from './unreachable.ts';

/** A repository of which nothing is known yet. */
export function newRepository(id: number, registry: string, repository: string): RepositoryRecord {
  return {
    id,
    registry,
    repository,
    tags: 0,
    trackedTags: 0,
    changes: 0,
    watchedFrom: null,
    lastScannedAt: null,
    lastScanStartedAt: null,
    lastScanId: null,
    intervalSeconds: null,
    failedScans: 0,
    lastFailureCode: null,
    lastFailure: null,
    lastFailedAt: null,
  };
}

/** A tag of which nothing is known yet: exempt, since no scan of its repository has covered it. */
export function newTag(id: number, repository: RepositoryRecord, tag: string): TagRecord {
  return {
    id,
    repositoryId: repository.id,
    reference: `${repository.registry}/${repository.repository}:${tag}`,
    registry: repository.registry,
    repository: repository.repository,
    tag,
    tracked: false,
    trackedSince: null,
    trackedBy: null,
    firstTrackedSequence: null,
    trackedSequence: null,
    untrackedSequence: null,
    untrackedAt: null,
    untrackedBy: null,
    digest: null,
    mediaType: null,
    baselineAt: null,
    lastChangedAt: null,
    lastPushedAt: null,
    lastPushedSource: null,
    changeCount: 0,
    entryCount: 0,
    goneAt: null,
    historySequence: 0,
    imported: false,
    coveredSince: null,
    exempt: true,
    ownLastScannedAt: null,
    failedScans: 0,
    lastFailureCode: null,
    lastFailure: null,
    lastFailedAt: null,
    repositoryUnreachable: isUnreachable(repository),
  };
}
