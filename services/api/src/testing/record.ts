import { Database, ensureReadModel } from '@dtm/read-model';
import type { Reference } from '@dtm/oci';

const DIGESTS = ['a', 'b', 'c', 'd'].map((digit) => `sha256:${digit.repeat(64)}`);

/** Writes rows as the projector would, with its notification in the same transaction. */
export class Record {
  readonly #database: Database;
  readonly #schema: string;
  readonly #ids = new Map<string, number>();
  #sequence = 0;

  private constructor(database: Database, schema: string) {
    this.#database = database;
    this.#schema = schema;
  }

  static async open(url: string): Promise<Record> {
    const database = new Database({ url, name: 'test' });
    const { schema } = await ensureReadModel(database);
    await database.query(
      `insert into ${schema}.checkpoint (stream, stream_created, sequence) values ('HISTORY', now(), 0), ('TRACKING', now(), 0), ('SCAN_LOG', now(), 0)`,
    );
    return new Record(database, schema);
  }

  /** A tracked tag. */
  async track(reference: Reference): Promise<void> {
    const id = this.#ids.size + 1;
    this.#ids.set(reference.toString(), id);
    await this.#database.query(
      `insert into ${this.#schema}.repository as present (id, registry, repository, tags, tracked_tags) values ($1, $2, $3, 1, 1)
        on conflict (registry, repository) do update set tags = present.tags + 1, tracked_tags = present.tracked_tags + 1`,
      [id, reference.registry, reference.repository],
    );
    await this.#database.query(
      `insert into ${this.#schema}.tag (id, repository_id, reference, registry, repository, tag, tracked, tracked_since, tracked_by)
        select $1, r.id, $2, $3, $4, $5, true, now(), 'person' from ${this.#schema}.repository r where r.registry = $3 and r.repository = $4`,
      [id, reference.toString(), reference.registry, reference.repository, reference.tag],
    );
  }

  async untrack(reference: Reference, by: 'person' | 'expiry'): Promise<void> {
    await this.#database.query(
      `update ${this.#schema}.tag set tracked = false, untracked_by = $2, untracked_at = now() where reference = $1`,
      [reference.toString(), by],
    );
  }

  /** A change of a tag; answers its sequence. */
  async change(reference: Reference): Promise<number> {
    const sequence = ++this.#sequence;
    await this.#database.transaction(async (sql) => {
      await sql.query(
        `insert into ${this.#schema}.digest_change
          (sequence, tag_id, kind, shown, imported, digest, observed_at, source, subject, event)
          values ($1, $2, 'change', true, false, $3, now(), 'head', 'history.x', '')`,
        [sequence, this.#ids.get(reference.toString()), DIGESTS[sequence % DIGESTS.length]],
      );
      await sql.query(`update ${this.#schema}.tag set entry_count = entry_count + 1 where reference = $1`, [
        reference.toString(),
      ]);
      await sql.query(`update ${this.#schema}.checkpoint set sequence = $1 where stream = 'HISTORY'`, [sequence]);
      await sql.query(`select pg_notify('history', $1)`, [String(sequence)]);
    });
    return sequence;
  }

  async scanned(message: object): Promise<void> {
    await this.#database.query(`select pg_notify('scan', $1)`, [JSON.stringify(message)]);
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}
