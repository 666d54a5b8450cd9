import { Database } from '../database.ts';
import { DigestChange, Manifest, Repository, Tag } from '../entities/index.ts';
import type { DigestChangeRecord, ManifestRecord, RepositoryRecord, TagRecord } from '../entities/rows.ts';
import { openReadModel, type PostgresReadModel } from '../postgres-read-model.ts';
import { ensureReadModel } from '../schema/create-schema.ts';
import { Table } from '../table.ts';

/** A read model that a test fills row by row. */
export class FilledReadModel {
  readonly database: Database;
  readonly readModel: PostgresReadModel;
  readonly schema: string;
  readonly #repositories = new Map<string, RepositoryRecord>();
  readonly #tags = new Map<string, TagRecord>();
  #sequence = 0;

  private constructor(database: Database, schema: string) {
    this.database = database;
    this.schema = schema;
    this.readModel = openReadModel({ ...database.settings, name: 'reader' });
  }

  static async in(url: string): Promise<FilledReadModel> {
    const database = new Database({ url, name: 'spec' });
    const { schema } = await ensureReadModel(database);
    return new FilledReadModel(database, schema);
  }

  /** A tag that is tracked and scanned, unless told otherwise. */
  async tag(
    reference: string,
    more: Partial<TagRecord> = {},
    repositoryMore: Partial<RepositoryRecord> = {},
  ): Promise<TagRecord> {
    const [, registry = '', path = '', tag = ''] = /^([^/]+)\/(.+):([^:]+)$/.exec(reference) ?? [];
    const isNew = this.#tags.has(reference) ? 0 : 1;
    const repository = await this.#repository(registry, path, repositoryMore, isNew);
    const row: TagRecord = {
      id: this.#tags.get(reference)?.id ?? this.#tags.size + 1,
      repositoryId: repository.id,
      reference,
      registry,
      repository: path,
      tag,
      tracked: true,
      trackedSince: null,
      trackedBy: 'person',
      firstTrackedSequence: 1,
      trackedSequence: 1,
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
      coveredSince: new Date('2026-01-01'),
      exempt: false,
      ownLastScannedAt: null,
      failedScans: 0,
      lastFailureCode: null,
      lastFailure: null,
      lastFailedAt: null,
      repositoryUnreachable: repository.failedScans >= 2,
      ...more,
    };
    this.#tags.set(reference, row);
    await new Table<TagRecord>(this.database, Tag, this.schema).write(this.database, [row], 'replace');
    return row;
  }

  /** A baseline, and a change at each further instant. */
  async history(reference: string, instants: readonly Date[]): Promise<void> {
    const tag = this.#tags.get(reference);
    if (tag === undefined) throw new Error(`no tag ${reference}`);
    const rows = instants.map<DigestChangeRecord>((observedAt, i) => ({
      sequence: ++this.#sequence,
      tagId: tag.id,
      kind: i === 0 ? 'baseline' : 'change',
      shown: true,
      imported: false,
      digest: `sha256:${i}`,
      previousDigest: i === 0 ? null : `sha256:${i - 1}`,
      notBefore: instants[i - 1] ?? null,
      observedAt,
      pushedAt: null,
      source: 'head',
      subject: 'history.x',
      event: new Uint8Array([1, 2, 3]),
    }));
    await new Table<DigestChangeRecord>(this.database, DigestChange, this.schema).write(this.database, rows, 'fail');
    await this.database.query(
      `insert into ${this.schema}.change_month
        select tag_id, date_trunc('month', observed_at at time zone 'UTC'), count(*) from ${this.schema}.digest_change
        where tag_id = $1 and kind = 'change' group by 1, 2`,
      [tag.id],
    );
    await this.tag(reference, {
      ...tag,
      baselineAt: instants[0] ?? null,
      lastChangedAt: instants.at(-1) ?? null,
      changeCount: instants.length - 1,
      entryCount: instants.length,
    });
  }

  /** What a digest is; platforms as `os/architecture[/variant]`. */
  async manifest(digest: string, platforms: readonly string[], more: Partial<ManifestRecord> = {}): Promise<void> {
    const row: ManifestRecord = {
      digest,
      mediaType: '',
      size: null,
      platforms: platforms.map((text) => {
        const [os = '', architecture = '', variant] = text.split('/');
        return { os, architecture, ...(variant === undefined ? {} : { variant }) };
      }),
      createdAt: null,
      ...more,
    };
    await new Table<ManifestRecord>(this.database, Manifest, this.schema).write(this.database, [row], 'keep');
  }

  async close(): Promise<void> {
    await this.readModel.close();
    await this.database.close();
  }

  async #repository(
    registry: string,
    path: string,
    more: Partial<RepositoryRecord>,
    newTags: number,
  ): Promise<RepositoryRecord> {
    const name = `${registry}/${path}`;
    const known = this.#repositories.get(name);
    const row: RepositoryRecord = {
      id: known?.id ?? this.#repositories.size + 1,
      registry,
      repository: path,
      changes: 0,
      watchedFrom: null,
      lastScannedAt: null,
      lastScanStartedAt: null,
      lastScanId: null,
      intervalSeconds: 7_200,
      failedScans: 0,
      lastFailureCode: null,
      lastFailure: null,
      lastFailedAt: null,
      ...known,
      tags: (known?.tags ?? 0) + newTags,
      trackedTags: (known?.trackedTags ?? 0) + newTags,
      ...more,
    };
    this.#repositories.set(name, row);
    await new Table<RepositoryRecord>(this.database, Repository, this.schema).write(this.database, [row], 'replace');
    return row;
  }
}
