import type { HistoryEvent } from '@dtm/events';
import type {
  ChangeMonthRecord,
  DigestChangeRecord,
  ManifestEventRecord,
  ManifestRecord,
  RepositoryRecord,
  ScanDayRecord,
  ScanGapRecord,
  TagGapRecord,
  TagRecord,
  TrackingEventRecord,
} from '@dtm/read-model';
import { newRepository, newTag } from './new-rows.ts';

interface TagName {
  registry: string;
  repository: string;
  tag: string;
}

/** Rows that a batch can touch. */
export interface LoadedRows {
  repositories: readonly RepositoryRecord[];
  tags: readonly TagRecord[];
}

/** Highest ids so far; 0 before the first. */
export interface LastIds {
  tag: number;
  repository: number;
}

/** An event of a tag's history and the row that is made of it. */
export interface ToldEntry {
  row: DigestChangeRecord;
  event: HistoryEvent;
}

/** The rows that a batch touches, in memory: events change them, then they are written set by set. */
export class WorkingSet {
  readonly #repositories = new Map<string, RepositoryRecord>();
  readonly #tags = new Map<string, TagRecord>();
  readonly #tagsOfRepository = new Map<number, TagRecord[]>();
  readonly #lastId: LastIds;
  readonly changedTags = new Set<TagRecord>();
  readonly changedRepositories = new Set<RepositoryRecord>();
  /** Repositories that became unreachable, or reachable again. */
  readonly turnedRepositories = new Set<RepositoryRecord>();
  /** What the batch tells of each tag's history, in the order of the stream. */
  readonly history = new Map<TagRecord, ToldEntry[]>();
  /** Tags with another digest than before, of which no registry tells when it was pushed. */
  readonly undatedTags = new Set<TagRecord>();
  readonly manifests: ManifestRecord[] = [];
  readonly manifestEvents: ManifestEventRecord[] = [];
  readonly digestChanges: DigestChangeRecord[] = [];
  readonly trackingEvents: TrackingEventRecord[] = [];
  readonly scanGaps: ScanGapRecord[] = [];
  readonly tagGaps: TagGapRecord[] = [];
  readonly #months = new Map<string, ChangeMonthRecord>();
  readonly #hours = new Map<string, Omit<ScanDayRecord, 'day'> & { hour: Date }>();

  constructor({ repositories, tags }: LoadedRows, lastIds: LastIds) {
    this.#lastId = { ...lastIds };
    for (const repository of repositories) this.#repositories.set(nameOf(repository), repository);
    for (const tag of tags) this.#addTag(tag);
  }

  /** The row of a repository, made where there is none. */
  repository(name: { registry: string; repository: string }): RepositoryRecord {
    const known = this.#repositories.get(nameOf(name));
    if (known !== undefined) return known;
    const repository = newRepository(++this.#lastId.repository, name.registry, name.repository);
    this.#repositories.set(nameOf(name), repository);
    this.changedRepositories.add(repository);
    return repository;
  }

  /** The row of a tag, made where there is none; to be changed by the caller. */
  tag(name: TagName): TagRecord {
    const reference = `${nameOf(name)}:${name.tag}`;
    const known = this.#tags.get(reference);
    if (known !== undefined) {
      this.changedTags.add(known);
      return known;
    }
    const repository = this.repository(name);
    const tag = newTag(++this.#lastId.tag, repository, name.tag);
    repository.tags += 1;
    this.changedRepositories.add(repository);
    this.changedTags.add(tag);
    this.#addTag(tag);
    return tag;
  }

  /** The tags of a repository that are loaded. */
  tagsOf(repository: RepositoryRecord): readonly TagRecord[] {
    return this.#tagsOfRepository.get(repository.id) ?? [];
  }

  /** Notes an entry of a tag's history. */
  tell(tag: TagRecord, entry: ToldEntry): void {
    const entries = this.history.get(tag);
    if (entries === undefined) this.history.set(tag, [entry]);
    else entries.push(entry);
  }

  /** Counts a change of a tag in its month. */
  countChange(tag: TagRecord, at: Date): void {
    const month = monthOf(at);
    const key = `${tag.id} ${month}`;
    const row = this.#months.get(key) ?? { tagId: tag.id, month, changes: 0 };
    row.changes += 1;
    this.#months.set(key, row);
  }

  /** Counts a scan in its hour; days are made of hours when they are written. */
  countScan(scan: {
    registry: string;
    at: Date;
    succeeded: boolean;
    seconds: number;
    requests: number;
    observations: number;
  }): void {
    const hour = new Date(Math.floor(scan.at.getTime() / 3_600_000) * 3_600_000);
    const key = `${scan.registry} ${hour.getTime()}`;
    const row = this.#hours.get(key) ?? {
      hour,
      registry: scan.registry,
      succeeded: 0,
      failed: 0,
      durationSeconds: 0,
      requests: 0,
      observations: 0,
    };
    if (scan.succeeded) {
      row.succeeded += 1;
      row.durationSeconds += scan.seconds;
    } else {
      row.failed += 1;
    }
    row.requests += scan.requests;
    row.observations += scan.observations;
    this.#hours.set(key, row);
  }

  changeMonths(): ChangeMonthRecord[] {
    return [...this.#months.values()];
  }

  scanHours() {
    return [...this.#hours.values()];
  }

  scanDays(): ScanDayRecord[] {
    const days = new Map<string, ScanDayRecord>();
    for (const { hour, ...counts } of this.#hours.values()) {
      const day = hour.toISOString().slice(0, 10);
      const row = days.get(`${day} ${counts.registry}`);
      if (row === undefined) {
        days.set(`${day} ${counts.registry}`, { day, ...counts });
        continue;
      }
      row.succeeded += counts.succeeded;
      row.failed += counts.failed;
      row.durationSeconds += counts.durationSeconds;
      row.requests += counts.requests;
      row.observations += counts.observations;
    }
    return [...days.values()];
  }

  #addTag(tag: TagRecord): void {
    this.#tags.set(tag.reference, tag);
    const siblings = this.#tagsOfRepository.get(tag.repositoryId);
    if (siblings === undefined) this.#tagsOfRepository.set(tag.repositoryId, [tag]);
    else siblings.push(tag);
  }
}

/** First day of the month (UTC), `2026-11-01`. */
function monthOf(at: Date): string {
  return `${at.toISOString().slice(0, 7)}-01`;
}

function nameOf({ registry, repository }: { registry: string; repository: string }): string {
  return `${registry}/${repository}`;
}
