import {
  createTables,
  openReadModel,
  READ_MODEL_VERSION,
  type Database,
  type PostgresReadModel,
} from '@dtm/read-model';
import { applyBatch } from '../projection/apply-batch.ts';
import { BEGINNING, RivalProjector, type Positions } from '../projection/checkpoints.ts';
import {
  emptyBatch,
  PROJECTED_STREAMS,
  readHistory,
  readManifest,
  readScanLog,
  readTracking,
  type Batch,
  type ProjectedStream,
} from '../projection/messages.ts';
import { tablesOf, type Tables } from '../projection/tables.ts';
import type { Story, StoryMessage } from './story.ts';

const SCHEMA = 'read_1';

/** All rows of all tables in terms that do not depend on the order in which rows were made. */
export type Rows = Record<string, Record<string, unknown>[]>;

/**
 * Given what happened, the rows are these: projected on a real PostgreSQL as one batch, one message at a time, in halves,
 * and with the streams in other orders; every batch once more, which must be refused. The rows must be the same each time.
 */
export class ProjectionSpec {
  readonly readModel: PostgresReadModel;
  readonly tables: Tables;
  readonly database: Database;

  private constructor(database: Database) {
    this.database = database;
    this.tables = tablesOf(database, SCHEMA);
    this.readModel = openReadModel(database.settings);
  }

  /** Makes the tables in an empty database. */
  static async in(database: Database): Promise<ProjectionSpec> {
    await database.transaction(async (sql) => {
      await createTables(database, sql, SCHEMA);
      await sql.query(
        `create table public.read_model as select '${SCHEMA}'::text as "current_schema", ${READ_MODEL_VERSION} as version, now() as switched_at`,
      );
    });
    return new ProjectionSpec(database);
  }

  /** The rows after a story; throws where they depend on how it was cut into batches. */
  async rowsOf(story: Story): Promise<Rows> {
    const { messages } = story;
    const middle = Math.ceil(messages.length / 2);
    const ways: Record<string, StoryMessage[][]> = {
      'one message at a time': messages.map((message) => [message]),
      'in halves': [messages.slice(0, middle), messages.slice(middle)],
      'tracking first': inOrder(messages, ['TRACKING', 'HISTORY', 'SCAN_LOG', 'MANIFESTS']),
      'history first': inOrder(messages, ['HISTORY', 'TRACKING', 'MANIFESTS', 'SCAN_LOG']),
      'manifests first': inOrder(messages, ['MANIFESTS', 'HISTORY', 'TRACKING', 'SCAN_LOG']),
    };
    const expected = await this.#project([messages]);
    for (const [way, batches] of Object.entries(ways)) {
      const found = await this.#project(batches);
      if (JSON.stringify(found) === JSON.stringify(expected)) continue;
      throw new Error(`${way} makes other rows:\n${differences(expected, found).join('\n')}`);
    }
    return expected;
  }

  /** Empties all tables and puts the checkpoints to the beginning. */
  async reset(): Promise<void> {
    const names = Object.values(this.tables).map((table) => (typeof table === 'string' ? table : table.name));
    for (const name of names) await this.database.query(`delete from ${name}`);
    await this.database.query(
      `insert into ${this.tables.checkpoint} (stream, sequence, stream_created) select s, 0, now() from unnest($1::text[]) as s`,
      [PROJECTED_STREAMS],
    );
  }

  /** Projects messages, each batch twice: the second time must be refused. */
  async #project(batches: StoryMessage[][]): Promise<Rows> {
    await this.reset();
    let positions: Positions = BEGINNING;
    for (const messages of batches.filter(({ length }) => length > 0)) {
      const batch = batchOf(messages);
      const before = positions;
      positions = await applyBatch(this.database, this.tables, before, batch);
      await applyBatch(this.database, this.tables, before, batch).then(
        () => Promise.reject(new Error('a batch was applied twice')),
        (error: unknown) => (error instanceof RivalProjector ? undefined : Promise.reject(error as Error)),
      );
    }
    return this.rows();
  }

  /** What is in the tables now. */
  rows(): Promise<Rows> {
    return readRows(this.database, this.tables);
  }

  async close(): Promise<void> {
    await this.readModel.close();
    await this.database.close();
  }
}

/** What is in the tables of a schema, in terms that do not depend on the order in which rows were made. */
export async function readRows(database: Database, tables: Tables): Promise<Rows> {
  const { tag, repository, digestChange, changeMonth, scanDay, scanHour, trackingEvent, checkpoint } = tables;
  const { scanGap, tagGap, manifest, manifestEvent } = tables;
  const questions: Record<string, string> = {
    tags: `select to_jsonb(t) - 'id' - 'repository_id' as row from ${tag.name} t order by t.reference`,
    repositories: `select to_jsonb(r) - 'id' as row from ${repository.name} r order by r.registry, r.repository`,
    changes: `select to_jsonb(c) - 'tag_id' || jsonb_build_object('reference', t.reference) as row
      from ${digestChange.name} c left join ${tag.name} t on t.id = c.tag_id order by c.sequence`,
    months: `select jsonb_build_object('reference', t.reference, 'month', m.month, 'changes', m.changes) as row
      from ${changeMonth.name} m join ${tag.name} t on t.id = m.tag_id order by t.reference, m.month`,
    days: `select to_jsonb(d) as row from ${scanDay.name} d order by d.day, d.registry`,
    hours: `select to_jsonb(h) as row from ${scanHour.name} h order by h.hour, h.registry`,
    gaps: `select to_jsonb(g) - 'repository_id' || jsonb_build_object('repository', r.repository) as row
      from ${scanGap.name} g join ${repository.name} r on r.id = g.repository_id order by r.repository, g.gap_from`,
    tagGaps: `select to_jsonb(g) - 'tag_id' || jsonb_build_object('reference', t.reference) as row
      from ${tagGap.name} g join ${tag.name} t on t.id = g.tag_id order by t.reference, g.gap_from`,
    manifests: `select to_jsonb(m) as row from ${manifest.name} m order by m.digest`,
    manifestEvents: `select to_jsonb(e) as row from ${manifestEvent.name} e order by e.sequence`,
    tracking: `select to_jsonb(e) as row from ${trackingEvent.name} e order by e.sequence`,
    checkpoints: `select to_jsonb(c) - 'stream_created' - 'projected_at' as row from ${checkpoint} c order by c.stream`,
  };
  const rows: Rows = {};
  for (const [name, question] of Object.entries(questions)) {
    rows[name] = (await database.query<{ row: Record<string, unknown> }>(question)).map(({ row }) => row);
  }
  return rows;
}

/** Sorts messages into a batch. */
export function batchOf(messages: readonly StoryMessage[]): Batch {
  const batch = emptyBatch();
  for (const { stream, message } of messages) {
    if (stream === 'HISTORY') batch.HISTORY.push(readHistory(message));
    else if (stream === 'MANIFESTS') batch.MANIFESTS.push(readManifest(message));
    else if (stream === 'TRACKING') batch.TRACKING.push(readTracking(message));
    else batch.SCAN_LOG.push(readScanLog(message));
  }
  return batch;
}

function inOrder(messages: readonly StoryMessage[], streams: readonly ProjectedStream[]): StoryMessage[][] {
  return streams.map((stream) => messages.filter((message) => message.stream === stream));
}

function differences(expected: Rows, found: Rows): string[] {
  return Object.keys(expected).flatMap((table) =>
    (expected[table] ?? []).flatMap((row, i) => {
      const other: Record<string, unknown> = found[table]?.[i] ?? {};
      return Object.keys(row)
        .filter((column) => JSON.stringify(row[column]) !== JSON.stringify(other[column]))
        .map((column) => `${table}[${i}].${column}: ${JSON.stringify(row[column])} / ${JSON.stringify(other[column])}`);
    }),
  );
}
