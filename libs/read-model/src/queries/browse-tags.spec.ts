import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPostgres, type RunningPostgres } from '@dtm/testing';
import type { TagRecord } from '../entities/rows.ts';
import type { PreparedSql } from '../database.ts';
import type { ListTags, TagRow, TagSortName, TagStateName } from '../queries.ts';
import { READ_MODEL_VERSION } from '../schema/create-schema.ts';
import { FilledReadModel } from '../testing/filled-read-model.ts';
import { listTags } from './list-tags.ts';

const DAY_MS = 86_400_000;
const NOW = new Date('2026-11-15T12:00:00Z');
const SORTS = ['changes', 'lastChangedAt', 'trackedSince', 'registry', 'repository', 'tag'] as const;
const ORDERS = ['asc', 'desc'] as const;
const STATES = [null, 'active', 'inactive', 'gone', 'pending'] as const;
const TAGS = 150;

let postgres: RunningPostgres;
let filled: FilledReadModel;
const tags = new Map<string, TagRecord>();

/** Numbers that look random and are the same in every run. */
let seed = 7;
function random(below: number): number {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed % below;
}

function daysAgo(days: number): Date {
  return new Date(NOW.getTime() - days * DAY_MS);
}

/** Few values, so that many tags tie, and some that are missing. */
async function write(index: number): Promise<void> {
  const reference = `${['docker.io', 'ghcr.io'][index % 2]}/team/app-${index % 7}:${index % 3 === 0 ? 'V' : 'v'}${index}`;
  const more = {
    changeCount: random(4),
    lastChangedAt: random(5) === 0 ? null : daysAgo(random(12)),
    trackedSince: random(5) === 0 ? null : daysAgo(random(9)),
    goneAt: random(6) === 0 ? NOW : null,
    coveredSince: random(6) === 0 ? null : daysAgo(20),
  };
  tags.set(reference, await filled.tag(reference, more));
}

beforeAll(async () => {
  postgres = await startPostgres();
  filled = await FilledReadModel.in(await postgres.newDatabase());
  for (let index = 0; index < TAGS; index++) await write(index);
});
afterAll(async () => {
  await filled.close();
  await postgres.stop();
});

function stateOf(tag: TagRecord, inactiveBefore: Date): TagStateName {
  if (tag.goneAt !== null) return 'gone';
  if (tag.coveredSince === null) return 'pending';
  return tag.lastChangedAt !== null && tag.lastChangedAt < inactiveBefore ? 'inactive' : 'active';
}

/** What a list is by its definition. */
function expectedList({ state, sort, order, inactiveBefore }: ListTags): string[] {
  const keys: Record<TagSortName, (tag: TagRecord) => string | number> = {
    changes: (tag) => tag.changeCount,
    lastChangedAt: (tag) => tag.lastChangedAt?.getTime() ?? -Infinity,
    trackedSince: (tag) => tag.trackedSince?.getTime() ?? -Infinity,
    registry: (tag) => tag.registry,
    repository: (tag) => tag.repository,
    tag: (tag) => tag.tag,
  };
  const ascending = [...tags.values()]
    .filter((tag) => state === null || stateOf(tag, inactiveBefore) === state)
    .map((tag) => ({ reference: tag.reference, keys: [keys[sort](tag), tag.reference.toLowerCase(), tag.id] }))
    .sort((a, b) => compare(a.keys, b.keys))
    .map(({ reference }) => reference);
  return order === 'asc' ? ascending : ascending.reverse();
}

function compare(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  const at = a.findIndex((key, i) => key !== b[i]);
  return at < 0 ? 0 : (a[at] ?? 0) < (b[at] ?? 0) ? -1 : 1;
}

function anyQuestion(): ListTags {
  return {
    q: null,
    state: STATES[random(STATES.length)] ?? null,
    sort: SORTS[random(SORTS.length)] ?? 'tag',
    order: ORDERS[random(ORDERS.length)] ?? 'asc',
    limit: 1 + random(9),
    offset: random(TAGS + 10),
    now: NOW,
    // To and fro over the instants at which tags come of age.
    inactiveBefore: new Date(daysAgo(random(12)).getTime() + random(3) - 1),
  };
}

async function expectRight(question: ListTags): Promise<void> {
  const { rows, total } = await filled.readModel.listTags(question);
  const expected = expectedList(question);
  const page = expected.slice(question.offset, question.offset + question.limit);
  expect([question, total, rows.map(({ reference }) => reference)]).toEqual([question, expected.length, page]);
}

describe('a page of tags', () => {
  it('is right wherever it lies, whatever was asked before, and shows at once what was written', async () => {
    for (let round = 0; round < 600; round++) {
      if (round % 20 === 19) await write(random(TAGS + 20));
      await expectRight(anyQuestion());
    }
  });

  it('is right for each of many who ask at once', async () => {
    for (let round = 0; round < 5; round++) {
      await Promise.all(Array.from({ length: 40 }, () => expectRight(anyQuestion())));
      await write(random(TAGS));
    }
  });

  it('follows page after page, both ways, with one statement each', async () => {
    const asked: string[] = [];
    const database = filled.database;
    const counting: PreparedSql = {
      query: (text, values) => (asked.push(text), database.query(text, values)),
      prepared: (text, values) => (asked.push(text), database.prepared(text, values)),
    };
    const pointer = { schema: filled.schema, version: READ_MODEL_VERSION };
    const known = new Map();
    const question = { ...anyQuestion(), state: null, sort: 'changes', order: 'desc', limit: 10 } as const;
    const read = async (offset: number): Promise<TagRow[]> =>
      (await listTags(counting, pointer, { ...question, offset }, known)).rows;
    await read(0);
    const statements = asked.length;
    const forth: TagRow[][] = [];
    for (let offset = 10; offset <= 60; offset += 10) forth.push(await read(offset));
    for (let offset = 60; offset >= 10; offset -= 10) expect(await read(offset)).toEqual(forth[offset / 10 - 1]);
    expect(asked.length - statements).toBe(12);
  });

  it('is answered while tags are written faster than they can be read', async () => {
    const database = filled.database;
    const touch = async (): Promise<void> => {
      await database.query(`update ${filled.schema}.tag set failed_scans = 0 where id = 1`);
    };
    const disturbed: PreparedSql = {
      query: async (text, values) => (await touch(), database.query(text, values)),
      prepared: async (text, values) => (await touch(), database.prepared(text, values)),
    };
    const pointer = { schema: filled.schema, version: READ_MODEL_VERSION };
    for (const order of ORDERS) {
      for (const offset of [0, 70, 1_000]) {
        const question = { ...anyQuestion(), state: null, order, offset, limit: 10 } as const;
        const { rows, total } = await listTags(disturbed, pointer, question, new Map());
        const expected = expectedList(question);
        expect([total, rows.map(({ reference }) => reference)]).toEqual([
          expected.length,
          expected.slice(offset, offset + 10),
        ]);
      }
    }
  });
});

describe('the version of all tags', () => {
  it('is another one whenever a tag is written, and the same otherwise', async () => {
    const { database, schema } = filled;
    const version = async (): Promise<string | undefined> =>
      (await database.query<{ version: string }>(`select version from ${schema}.tag_version`))[0]?.version;
    const versions = [await version()];
    for (const text of [
      `insert into ${schema}.tag (id, repository_id, reference, registry, repository, tag) values (999, 1, 'a/b:c', 'a', 'b', 'c')`,
      `update ${schema}.tag set tracked = true where id = 999`,
      `delete from ${schema}.tag where id = 999`,
    ]) {
      await database.query(text);
      versions.push(await version());
    }
    expect(new Set(versions).size).toBe(4);
    await database.query(`update ${schema}.repository set last_scanned_at = now()`);
    expect(await version()).toBe(versions.at(-1));
  });
});
