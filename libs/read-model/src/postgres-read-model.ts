import { Database, DEFAULT_POOL_SIZE, type DatabaseSettings } from './database.ts';
import { Checkpoint, Tag } from './entities/index.ts';
import type {
  AsOf,
  ChangeRow,
  CountChanges,
  ListChanges,
  ListTags,
  LiveChangeRow,
  NextChanges,
  ReadModel,
  ScanDayRow,
  StatusRow,
  TagDescription,
  TagRow,
} from './queries.ts';
import { exportChanges, listChanges, nextChanges } from './queries/changes.ts';
import { countChanges } from './queries/count-changes.ts';
import { describeTag } from './queries/describe-tag.ts';
import type { KnownLists } from './queries/known-lists.ts';
import { findTag, listTags, tagReferences } from './queries/list-tags.ts';
import { scanDays, status } from './queries/scans.ts';
import { readPointer, type Pointer } from './schema/create-schema.ts';
import { Turns } from './turns.ts';

/** Nothing is projected yet: the projector has not made its tables. */
export class ReadModelMissing extends Error {
  override readonly name = 'ReadModelMissing';
  constructor() {
    super('there is no read model yet: the history-projector has not made it');
  }
}

/** A schema that was switched away from stays for longer than this, so that nothing reads a dropped one. */
const POINTER_AGE_MS = 2_000;
const UNDEFINED_TABLE = '42P01';

/** The read models in PostgreSQL. Only reads; follows the pointer when a rebuild switches schemas. */
export class PostgresReadModel implements ReadModel {
  readonly #database: Database;
  #schema: { pointer: Pointer; askedAt: number } | null = null;
  /** The schema that statements are prepared for. */
  #served: string | null = null;
  readonly #lists: KnownLists = new Map();
  readonly #turns: Turns;

  constructor(settings: DatabaseSettings) {
    this.#database = new Database(settings);
    this.#turns = new Turns(settings.poolSize ?? DEFAULT_POOL_SIZE);
  }

  /** Rejects, in words, where PostgreSQL does not answer or nothing was projected yet: for readiness. */
  async check(): Promise<void> {
    this.#schema = null;
    await this.#pointer();
  }

  listTags(question: ListTags): Promise<{ rows: TagRow[]; total: number }> {
    return this.#ask((_schema, pointer) => listTags(this.#database, pointer, question, this.#lists));
  }

  findTag(reference: string, asOf: AsOf = { now: new Date(), inactiveBefore: new Date(0) }): Promise<TagRow | null> {
    return this.#ask((_schema, pointer) => findTag(this.#database, pointer, reference, asOf));
  }

  listChanges(question: ListChanges): Promise<{ rows: ChangeRow[]; total: number }> {
    return this.#ask((schema) => listChanges(this.#database, schema, question));
  }

  detailTag(
    reference: string,
    asOf: AsOf,
    since: Date | null,
  ): Promise<{ tag: TagRow; description: TagDescription } | null> {
    return this.#ask((_schema, pointer) => describeTag(this.#database, pointer, reference, asOf, since));
  }

  async describeTag(reference: string, now: Date, since: Date | null): Promise<TagDescription | null> {
    return (await this.detailTag(reference, { now, inactiveBefore: new Date(0) }, since))?.description ?? null;
  }

  countChanges(question: CountChanges): Promise<{ start: Date; changes: number }[]> {
    return this.#ask((schema) => countChanges(this.#database, schema, question));
  }

  async trackedTags(registry: string, repository: string): Promise<Set<string>> {
    const tags = await this.#ask((schema) =>
      this.#database.entities().find(Tag, { registry, repository, tracked: true }, { fields: ['tag'], schema }),
    );
    return new Set(tags.map(({ tag }) => tag));
  }

  async trackedAmong(references: string[]): Promise<Set<string>> {
    const tags = await this.#ask((schema) =>
      this.#database
        .entities()
        .find(Tag, { reference: { $in: references }, tracked: true }, { fields: ['reference'], schema }),
    );
    return new Set(tags.map(({ reference }) => reference));
  }

  scanDays(days: number, now: Date): Promise<ScanDayRow[]> {
    return this.#ask((schema) => scanDays(this.#database, schema, days, now));
  }

  status(now: Date): Promise<StatusRow> {
    return this.#ask((schema) => status(this.#database, schema, now));
  }

  async checkpoints(): Promise<{ stream: string; sequence: number; at: Date | null }[]> {
    const rows = await this.#ask((schema) =>
      this.#database.entities().find(Checkpoint, {}, { orderBy: { stream: 'asc' }, schema }),
    );
    return rows.map(({ stream, sequence, eventAt }) => ({ stream, sequence, at: eventAt ?? null }));
  }

  nextChanges(sequence: number, limit: number, reference: string | null): Promise<NextChanges> {
    return this.#ask((schema) => nextChanges(this.#database, schema, sequence, limit, reference));
  }

  /** The rows alone. */
  async changesAfter(sequence: number, limit: number, reference: string | null): Promise<LiveChangeRow[]> {
    return (await this.nextChanges(sequence, limit, reference)).rows;
  }

  async lastChangeSequence(): Promise<number> {
    const checkpoint = await this.#ask((schema) =>
      this.#database.entities().findOne(Checkpoint, { stream: 'HISTORY' }, { schema }),
    );
    return checkpoint?.sequence ?? 0;
  }

  tagReferences(first: number, last: number): Promise<{ reference: string; lastChangedAt: Date | null }[]> {
    return this.#ask((schema) => tagReferences(this.#database, schema, first, last));
  }

  async *exportChanges(): AsyncGenerator<LiveChangeRow[]> {
    yield* exportChanges(this.#database, (await this.#pointer()).schema);
  }

  /** Ends all connections. */
  close(): Promise<void> {
    return this.#database.close();
  }

  async #ask<T>(question: (schema: string, pointer: Pointer) => Promise<T>): Promise<T> {
    const put = async (): Promise<T> => {
      const pointer = await this.#pointer();
      return question(pointer.schema, pointer);
    };
    // A question waits for a connection once, not before each of its statements.
    return this.#turns.take(async () => {
      try {
        return await put();
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === UNDEFINED_TABLE)) throw error;
        // The schema was dropped behind our back: ask the pointer anew, once.
        this.#schema = null;
        return put();
      }
    });
  }

  async #pointer(): Promise<Pointer> {
    const now = Date.now();
    if (this.#schema !== null && now - this.#schema.askedAt < POINTER_AGE_MS) return this.#schema.pointer;
    const pointer = await readPointer(this.#database);
    if (pointer === null) throw new ReadModelMissing();
    if (pointer.schema !== this.#served) this.#database.forgetPrepared();
    this.#served = pointer.schema;
    this.#schema = { pointer, askedAt: now };
    return pointer;
  }
}

/** Opens the read models; connects when first asked. */
export function openReadModel(settings: DatabaseSettings): PostgresReadModel {
  return new PostgresReadModel(settings);
}
