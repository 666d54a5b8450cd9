import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPostgres, type RunningPostgres } from '@dtm/testing';
import { Database } from '../database.ts';
import { openReadModel, ReadModelMissing } from '../postgres-read-model.ts';
import { createTables, ensureReadModel, READ_MODEL_VERSION, readPointer } from './create-schema.ts';

let postgres: RunningPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(async () => {
  await postgres.stop();
});

describe('ensureReadModel', () => {
  it('makes the tables once, whoever comes at the same time', async () => {
    const url = await postgres.newDatabase();
    const databases = Array.from({ length: 4 }, (_, i) => new Database({ url, name: `maker ${i}` }));
    const pointers = await Promise.all(databases.map(ensureReadModel));
    expect(new Set(pointers.map(({ schema }) => schema))).toEqual(new Set(['read_1']));
    const [first] = databases;
    expect(first === undefined ? null : await readPointer(first)).toEqual({
      schema: 'read_1',
      version: READ_MODEL_VERSION,
    });
    const tables = await first?.query<{ name: string }>(
      `select table_name as name from information_schema.tables where table_schema = 'read_1' order by 1`,
    );
    expect(tables?.map(({ name }) => name)).toEqual([
      'change_month',
      'checkpoint',
      'digest_change',
      'manifest',
      'manifest_event',
      'repository',
      'scan_day',
      'scan_gap',
      'scan_hour',
      'tag',
      'tag_gap',
      'tag_version',
      'tracking_event',
    ]);
    await Promise.all(databases.map((database) => database.close()));
  });

  it('does without trigrams where the server refuses the extension', async () => {
    const problems: string[] = [];
    const database = new Database({
      url: await postgres.newDatabase(),
      name: 'maker',
      onProblem: (text) => problems.push(text),
    });
    await database.query(
      `create function refuse() returns event_trigger language plpgsql as $$ begin raise 'not here'; end $$`,
    );
    await database.query(
      `create event trigger refuse on ddl_command_start when tag in ('CREATE EXTENSION') execute function refuse()`,
    );
    expect(await ensureReadModel(database)).toEqual({ schema: 'read_1', version: READ_MODEL_VERSION });
    expect(problems.join()).toContain('search works without trigrams');
    await database.close();
  });
});

describe('the pointer', () => {
  it('is missing before the projector made it, which is said in words', async () => {
    const readModel = openReadModel({ url: await postgres.newDatabase(), name: 'api' });
    await expect(readModel.check()).rejects.toThrow(ReadModelMissing);
    await expect(readModel.lastChangeSequence()).rejects.toThrow('there is no read model yet');
    await readModel.close();
  });

  it('is followed when a rebuild switches, also when the old schema is gone at once', async () => {
    const url = await postgres.newDatabase();
    const database = new Database({ url, name: 'projector' });
    await ensureReadModel(database);
    const readModel = openReadModel({ url, name: 'api' });
    expect(await readModel.lastChangeSequence()).toBe(0);
    await database.transaction(async (sql) => {
      await createTables(database, sql, 'read_2');
      await sql.query(`insert into read_2.checkpoint (stream, sequence, stream_created) values ('HISTORY', 42, now())`);
      await sql.query(`update public.read_model set "current_schema" = 'read_2'`);
      await sql.query('drop schema read_1 cascade');
    });
    expect(await readModel.lastChangeSequence()).toBe(42);
    expect(
      await readModel.listTags({
        q: null,
        state: null,
        sort: 'tag',
        order: 'asc',
        limit: 1,
        offset: 0,
        now: new Date(),
        inactiveBefore: new Date(0),
      }),
    ).toEqual({ rows: [], total: 0 });
    await readModel.close();
    await database.close();
  });
});
