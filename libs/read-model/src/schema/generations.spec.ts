import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPostgres, type RunningPostgres } from '@dtm/testing';
import { Database } from '../database.ts';
import { ensureReadModel, READ_MODEL_VERSION, readPointer } from './create-schema.ts';
import { dropOlderGenerations, makeGeneration, switchPointer } from './generations.ts';

let postgres: RunningPostgres;
let database: Database;
beforeAll(async () => {
  postgres = await startPostgres();
  database = new Database({ url: await postgres.newDatabase(), name: 'spec' });
  await ensureReadModel(database);
});
afterAll(async () => {
  await database.close();
  await postgres.stop();
});

async function schemas(): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    `select nspname as name from pg_namespace where nspname ~ '^read_' order by 1`,
  );
  return rows.map(({ name }) => name);
}

describe('generations of the read models', () => {
  it('are made beside the one that serves; an unfinished one makes room', async () => {
    expect(await makeGeneration(database)).toBe('read_2');
    expect(await makeGeneration(database)).toBe('read_2');
    expect(await schemas()).toEqual(['read_1', 'read_2']);
    expect(await readPointer(database)).toMatchObject({ schema: 'read_1' });
  });

  it('are switched once: who comes from a schema that no longer serves is refused', async () => {
    await database.transaction((sql) => switchPointer(sql, 'read_1', 'read_2'));
    expect(await readPointer(database)).toEqual({ schema: 'read_2', version: READ_MODEL_VERSION });
    const again = database.transaction((sql) => switchPointer(sql, 'read_1', 'read_2'));
    await expect(again).rejects.toThrow('read_1 no longer serves');
  });

  it('are dropped but for the one that serves and the one before', async () => {
    expect(await dropOlderGenerations(database, 'read_1')).toEqual([]);
    expect(await makeGeneration(database)).toBe('read_3');
    await database.transaction((sql) => switchPointer(sql, 'read_2', 'read_3'));
    expect(await dropOlderGenerations(database, 'read_2')).toEqual(['read_1']);
    expect(await schemas()).toEqual(['read_2', 'read_3']);
  });
});
