import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startPostgres, type RunningPostgres } from '@dtm/testing';
import { Database } from '../database.ts';
import { openReadModel } from '../postgres-read-model.ts';
import type { ReadModel } from '../queries.ts';
import { ensureReadModel, READ_MODEL_VERSION, statementsOf } from './create-schema.ts';

// What a rolling update rests on: while two versions run side by side, the api of either reads the read models of the other.
// Each version's tables are kept here as SQL, for as long as the version after it is supported.
const SHAPES = join(import.meta.dirname, 'shapes');
const OLDER = READ_MODEL_VERSION - 1;

function fileOf(version: number): string {
  return join(SHAPES, `version-${version}.sql`);
}

let postgres: RunningPostgres;
let database: Database;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(async () => {
  await postgres.stop();
});
beforeEach(async () => {
  database = new Database({ url: await postgres.newDatabase(), name: 'spec' });
});
afterEach(async () => {
  await database.close();
});

/** Every column of a schema with its type. */
async function columnsOf(schema: string): Promise<string[]> {
  const rows = await database.query<{ column: string }>(
    `select format('%s.%s %s', table_name, column_name, data_type) as column from information_schema.columns
      where table_schema = $1 order by 1`,
    [schema],
  );
  return rows.map(({ column }) => column);
}

/** Asks everything that can be asked; each answers or rejects. */
async function askEverything(readModel: ReadModel): Promise<void> {
  const now = new Date('2026-11-22T12:00:00Z');
  const asOf = { now, inactiveBefore: new Date('2026-05-22T12:00:00Z') };
  const reference = 'docker.io/library/nginx:1.27';
  for (const sort of ['changes', 'lastChangedAt', 'trackedSince', 'registry', 'repository', 'tag'] as const) {
    for (const q of [null, 'nginx', 'docker.io/library/nginx:1']) {
      for (const state of [null, 'active', 'inactive', 'gone'] as const) {
        await readModel.listTags({ q, state, sort, order: 'desc', limit: 10, offset: 0, ...asOf });
      }
    }
  }
  expect(await readModel.findTag(reference, asOf)).toBeNull();
  expect(await readModel.describeTag(reference, now, null)).toBeNull();
  await readModel.listChanges({ reference, limit: 10, offset: 0, since: null });
  await readModel.countChanges({
    reference,
    interval: 'week',
    from: null,
    to: null,
    since: null,
    now,
    maxBuckets: 520,
  });
  expect(await readModel.trackedTags('docker.io', 'library/nginx')).toEqual(new Set());
  expect(await readModel.trackedAmong([reference])).toEqual(new Set());
  expect(await readModel.scanDays(3, now)).toHaveLength(3);
  expect(await readModel.status(now)).toMatchObject({ tags: 0 });
  expect(await readModel.checkpoints()).toEqual([]);
  expect(await readModel.nextChanges(0, 10, null)).toEqual({ rows: [], upTo: 0 });
  expect(await readModel.lastChangeSequence()).toBe(0);
  expect(await readModel.tagReferences(1, 10)).toEqual([]);
  for await (const rows of readModel.exportChanges()) expect(rows).toEqual([]);
}

describe('the tables of a version', () => {
  it('are those that were written down for it: another shape is another version', async () => {
    const made = await statementsOf(database, 'read_1');
    // A new version is written down here once, and committed; from then on its file is what others rely on.
    const isWritten = existsSync(fileOf(READ_MODEL_VERSION));
    if (!isWritten && process.env['CI'] === undefined) writeFileSync(fileOf(READ_MODEL_VERSION), made);
    expect(made).toBe(readFileSync(fileOf(READ_MODEL_VERSION), 'utf8'));
  });

  it('have all that the version before had, so that an api of that version goes on reading', async () => {
    for (const [schema, version] of [
      ['read_1', OLDER],
      ['read_2', READ_MODEL_VERSION],
    ] as const) {
      const sql = readFileSync(fileOf(version), 'utf8').replaceAll('"read_1"', `"${schema}"`);
      await database.query(sql.replace('create schema if not exists', 'create schema'));
    }
    const [before, after] = [await columnsOf('read_1'), await columnsOf('read_2')];
    expect(before.length).toBeGreaterThan(20);
    expect(before.filter((column) => !after.includes(column))).toEqual([]);
  });

  it('of the version before answer every question of this one', async () => {
    await ensureReadModel(database);
    await database.query('drop schema read_1 cascade');
    await database.query(readFileSync(fileOf(OLDER), 'utf8'));
    await database.query('update public.read_model set version = $1', [OLDER]);
    const readModel = openReadModel({ ...database.settings, name: 'newer api' });
    try {
      await askEverything(readModel);
    } finally {
      await readModel.close();
    }
  });

  it('of a version after with more in them answer every question of this one', async () => {
    const { schema } = await ensureReadModel(database);
    await database.query(`alter table ${schema}.tag add column later text not null default 'x';
      alter table ${schema}.digest_change add column later jsonb;
      create table ${schema}.later (id bigint primary key)`);
    await database.query('update public.read_model set version = $1', [READ_MODEL_VERSION + 1]);
    const readModel = openReadModel({ ...database.settings, name: 'older api' });
    try {
      await askEverything(readModel);
    } finally {
      await readModel.close();
    }
  });
});
