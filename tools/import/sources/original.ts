import { Reference } from '@dtm/oci';
import pg from 'pg';
import type { ImportSource, Item } from '../row.ts';
import { itemOf } from './table.ts';

const BATCH = 5_000;

interface WatchedRow {
  endpoint: string;
  image: string;
  tag: string;
  added_at: Date;
  last_viewed: Date;
}

interface UpdateRow {
  id: number;
  endpoint: string;
  image: string;
  tag: string;
  digest: string;
  scraped_at: Date;
}

/** The PostgreSQL database of the original (MShekow/docker-tag-monitor): its watched tags and every digest that it saw. */
export function originalSource(databaseUrl: string): ImportSource {
  return { name: 'original', items: () => readDatabase(databaseUrl) };
}

async function* readDatabase(databaseUrl: string): AsyncGenerator<Item> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    // Its first versions kept times without a zone, in UTC; the casts below read them so, and leave the others alone.
    await client.query(`set time zone 'UTC'`);
    yield* readTags(client);
    yield* readUpdates(client);
  } finally {
    await client.end();
  }
}

async function* readTags(client: pg.Client): AsyncGenerator<Item> {
  const { rows } = await client.query<WatchedRow>(
    `select endpoint, image, tag, added_at::timestamptz as added_at, last_viewed::timestamptz as last_viewed
       from image_to_scrape`,
  );
  for (const { endpoint, image, tag, added_at: trackedAt, last_viewed: lastViewedAt } of rows) {
    const text = `${endpoint}/${image}:${tag}`;
    const reference = Reference.parse(text);
    if (reference instanceof Reference) yield { kind: 'tag', tag: { reference, trackedAt, lastViewedAt } };
    else yield { kind: 'refusal', refusal: { text, reason: reference.reason } };
  }
}

/** Its scans come at intervals: a digest was seen at `scraped_at`, and the one before at its own; nothing between is known. */
async function* readUpdates(client: pg.Client): AsyncGenerator<Item> {
  const references = new Map<string, Reference | string>();
  let after = 0;
  for (;;) {
    const { rows } = await client.query<UpdateRow>(
      `select u.id, s.endpoint, s.image, s.tag, u.digest, u.scraped_at::timestamptz as scraped_at
         from image_update u join image_to_scrape s on s.id = u.image_id
        where u.id > $1 order by u.id limit $2`,
      [after, BATCH],
    );
    for (const { id, endpoint, image, tag, digest, scraped_at: at } of rows) {
      after = id;
      yield itemOf({ image: `${endpoint}/${image}`, tag, digest, observed_at: at.toISOString() }, references);
    }
    if (rows.length < BATCH) return;
  }
}
