import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPostgres, type RunningPostgres } from '@dtm/testing';
import type { ListTags } from '../queries.ts';
import { openReadModel } from '../postgres-read-model.ts';
import { READ_MODEL_VERSION } from '../schema/create-schema.ts';
import { FilledReadModel } from '../testing/filled-read-model.ts';

const NOW = new Date('2026-11-15T12:00:00Z');
const INACTIVE_BEFORE = new Date('2026-05-15T12:00:00Z');

let postgres: RunningPostgres;
let filled: FilledReadModel;

beforeAll(async () => {
  postgres = await startPostgres();
  filled = await FilledReadModel.in(await postgres.newDatabase());
  const old = new Date('2026-01-02');
  const recent = new Date('2026-10-10');
  await filled.tag('docker.io/library/nginx:1.27', { lastChangedAt: recent, changeCount: 5, trackedSince: old });
  await filled.tag('docker.io/library/nginx:1.19', { lastChangedAt: old, changeCount: 9, trackedSince: recent });
  await filled.tag('docker.io/library/nginx:latest', { lastChangedAt: old, changeCount: 9 });
  await filled.tag('docker.io/library/nginx:stable', {
    lastChangedAt: old,
    lastPushedAt: recent,
    lastPushedSource: 'registry',
  });
  await filled.tag('docker.io/acme/afoo:never', { baselineAt: old });
  await filled.tag('ghcr.io/acme/tool:new', { coveredSince: null, exempt: true });
  await filled.tag('ghcr.io/acme/tool:Gone', { goneAt: recent, lastFailure: 'not told' });
  await filled.tag('ghcr.io/acme/tool:ended', { tracked: false, untrackedBy: 'person', goneAt: recent });
  await filled.tag('ghcr.io/acme/tool:expired', { tracked: false, untrackedBy: 'expiry' });
  await filled.tag('ghcr.io/acme/tool:sick', { failedScans: 2, lastFailure: 'HTTP 500' });
  await filled.tag(
    'localhost:5000/team/app:1.0',
    {},
    { failedScans: 2, lastFailure: 'connection refused', lastScannedAt: old },
  );
});
afterAll(async () => {
  await filled.close();
  await postgres.stop();
});

function list(more: Partial<ListTags> = {}) {
  const question: ListTags = {
    q: null,
    state: null,
    sort: 'repository',
    order: 'asc',
    limit: 100,
    offset: 0,
    now: NOW,
    inactiveBefore: INACTIVE_BEFORE,
    ...more,
  };
  return filled.readModel.listTags(question);
}

async function tagsOf(more: Partial<ListTags>): Promise<string[]> {
  return (await list(more)).rows.map(({ tag }) => tag);
}

describe('state of a tag', () => {
  it.each([
    ['untracked', ['ended']],
    ['gone', ['Gone']],
    ['expired', ['expired']],
    ['unreachable', ['1.0', 'sick']],
    ['pending', ['new']],
    ['inactive', ['1.19']],
    ['active', ['1.27', 'latest', 'never', 'stable']],
  ] as const)('%s', async (state, tags) => {
    const { rows, total } = await list({ state, sort: 'tag' });
    expect([rows.map(({ tag }) => tag), total]).toEqual([tags, tags.length]);
    expect(rows.every((row) => row.state === state)).toBe(true);
  });

  it('comes with the failure that made a tag unreachable, and with no other', async () => {
    const { rows } = await list({ sort: 'tag' });
    const failures = rows.flatMap(({ tag, failure }) => (failure === null ? [] : [[tag, failure]]));
    expect(failures).toEqual([
      ['1.0', 'connection refused'],
      ['sick', 'HTTP 500'],
    ]);
  });

  it('is the same for one tag', async () => {
    const asOf = { now: NOW, inactiveBefore: INACTIVE_BEFORE };
    expect(await filled.readModel.findTag('docker.io/library/nginx:1.19', asOf)).toMatchObject({ state: 'inactive' });
    expect(await filled.readModel.findTag('docker.io/library/nginx:none', asOf)).toBeNull();
    expect(await filled.readModel.findTag('\0', asOf)).toBeNull();
  });
});

describe('order and pages', () => {
  it('sorts by each column, missing values last when descending', async () => {
    const first = async (sort: ListTags['sort'], order: ListTags['order']) =>
      (await tagsOf({ sort, order, limit: 2 })).join(' ');
    expect(await first('changes', 'desc')).toBe('latest 1.19');
    expect(await first('lastChangedAt', 'desc')).toBe('1.27 stable');
    expect(await first('trackedSince', 'desc')).toBe('1.19 1.27');
    expect(await first('registry', 'desc')).toBe('1.0 sick');
    expect(await first('repository', 'asc')).toBe('never ended');
    expect(await first('tag', 'asc')).toBe('1.0 1.19');
  });

  it.each(['asc', 'desc'] as const)('gives the same rows page by page as at once (%s)', async (order) => {
    const whole = await tagsOf({ sort: 'changes', order });
    for (const q of [null, 'i']) {
      const expected = await tagsOf({ sort: 'changes', order, q });
      const pages: string[] = [];
      for (let offset = 0; offset < expected.length; offset += 3) {
        pages.push(...(await tagsOf({ sort: 'changes', order, q, limit: 3, offset })));
      }
      expect(pages).toEqual(expected);
    }
    expect(whole).toHaveLength(11);
  });

  it('answers the total behind the last page too', async () => {
    expect(await list({ offset: 100 })).toEqual({ rows: [], total: 11 });
    expect(await list({ offset: 100, q: 'nginx' })).toEqual({ rows: [], total: 4 });
    expect(await list({ state: 'gone', offset: 100 })).toEqual({ rows: [], total: 1 });
  });
});

describe('read models of an older version, which serve until they are rebuilt', () => {
  it('give the same lists, though they do not tell when a tag was written', async () => {
    const questions = (['asc', 'desc'] as const).flatMap((order) =>
      (['changes', 'lastChangedAt', 'trackedSince', 'tag'] as const).flatMap((sort) =>
        ([null, 'active', 'inactive'] as const).flatMap((state) =>
          [0, 2, 7, 100].map((offset) => ({ order, sort, state, limit: 3, offset })),
        ),
      ),
    );
    const expected = [];
    for (const question of questions) expected.push(await list(question));
    const { database, schema } = filled;
    await database.query('update public.read_model set version = 4');
    await database.query(`alter table ${schema}.tag_version rename to later`);
    const older = openReadModel({ ...database.settings, name: 'newer api' });
    const asOf = { q: null, now: NOW, inactiveBefore: INACTIVE_BEFORE };
    const found = [];
    for (const question of questions) found.push(await older.listTags({ ...question, ...asOf }));
    await older.close();
    await database.query(`alter table ${schema}.later rename to tag_version`);
    await database.query('update public.read_model set version = $1', [READ_MODEL_VERSION]);
    expect(found).toEqual(expected);
  });
});

describe('references', () => {
  it('are numbered from the oldest tag on, and none is left out', async () => {
    const [all, first, rest] = await Promise.all([
      filled.readModel.tagReferences(1, 11),
      filled.readModel.tagReferences(1, 4),
      filled.readModel.tagReferences(5, 99),
    ]);
    const { rows } = await list({ limit: 100 });
    expect([...first, ...rest]).toEqual(all);
    expect(all.map(({ reference }) => reference).sort()).toEqual(rows.map(({ reference }) => reference).sort());
  });
});

describe('search', () => {
  it.each([
    ['foo', ['never']],
    ['  NGINX ', ['1.19', '1.27', 'latest', 'stable']],
    ['library/ngi', ['1.19', '1.27', 'latest', 'stable']],
    ['ngi:1.2', ['1.27']],
    ['nginx:', ['1.19', '1.27', 'latest', 'stable']],
    [':new', ['new']],
    ['docker.io/afoo', ['never']],
    ['index.docker.io/nginx:sta', ['stable']],
    ['ghcr', ['Gone', 'ended', 'expired', 'new', 'sick']],
    ['gone', ['Gone']],
    ['tool:GONE', ['Gone']],
    ['localhost:5000', ['1.0']],
    ['localhost:5000/app', ['1.0']],
    ['ghcr.io/nginx', []],
    ['%', []],
    ['a_foo', []],
    ['\\', []],
    ['acme/tool:e', ['Gone', 'ended', 'expired', 'new']],
  ])('%p', async (q, tags) => {
    const { rows, total } = await list({ q, sort: 'tag' });
    expect([rows.map(({ tag }) => tag), total]).toEqual([tags, tags.length]);
  });

  it('finds nothing with what no name can hold', async () => {
    expect(await tagsOf({ q: 'nginx\0' })).toEqual([]);
  });

  it('goes together with a state', async () => {
    expect(await tagsOf({ q: 'nginx', state: 'inactive' })).toEqual(['1.19']);
  });
});

describe('platforms of a tag', () => {
  it('are those of its digest, each once, on whatever page and for one tag', async () => {
    await filled.manifest('sha256:many', ['linux/amd64', 'linux/arm/v7', 'windows/amd64', 'windows/amd64']);
    await filled.manifest('sha256:none', []);
    const platforms = ['linux/amd64', 'linux/arm/v7', 'windows/amd64'];
    await filled.tag('docker.io/library/platforms:a', { digest: 'sha256:many' });
    await filled.tag('docker.io/library/platforms:b', { digest: 'sha256:none' });
    await filled.tag('docker.io/library/platforms:c', { digest: 'sha256:not-described' });
    const rowsOf = async (q: string | null) =>
      (await list({ q })).rows
        .filter(({ repository }) => repository === 'library/platforms')
        .map((row) => [row.tag, row.platforms]);
    const expected = [
      ['a', platforms],
      ['b', []],
      ['c', []],
    ];
    expect(await rowsOf(null)).toEqual(expected);
    expect(await rowsOf('platforms')).toEqual(expected);
    expect(await rowsOf('docker.io/platforms:')).toEqual(expected);
    expect(await filled.readModel.findTag('docker.io/library/platforms:a')).toMatchObject({ platforms });
  });

  it('are not known to read models of an older version, which serve until they are rebuilt', async () => {
    await filled.database.query('update public.read_model set version = 3');
    await filled.database.query(`alter table ${filled.schema}.manifest rename to later`);
    const older = openReadModel({ ...filled.database.settings, name: 'newer api' });
    expect(await older.findTag('docker.io/library/platforms:a')).toMatchObject({ platforms: [] });
    await older.close();
    await filled.database.query(`alter table ${filled.schema}.later rename to manifest`);
    await filled.database.query('update public.read_model set version = $1', [READ_MODEL_VERSION]);
  });
});
