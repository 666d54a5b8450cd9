import { UNREACHABLE_AFTER, type RepositoryRecord } from '@dtm/read-model';

/** Whether its tags are unreachable because all scans fail. */
export function isUnreachable(repository: RepositoryRecord): boolean {
  return repository.failedScans >= UNREACHABLE_AFTER;
}
