import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { availableTagsSchema, problemSchema } from '../openapi/schemas.ts';
import { tagRow } from '../testing/fake-read-model.ts';
import { startApi, type TestApi } from '../testing/start-api.ts';
import { tagFilter } from './tag-filter.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const SHA = 'a'.repeat(64);

describe('GET /api/v1/repositories/{repository}/available-tags', () => {
  async function list(query: string): Promise<{ tags: string[]; more: number }> {
    const answer = await api.get(`/api/v1/repositories/docker.io/acme/app/available-tags${query}`);
    expect(answer.status).toBe(200);
    const { items, more } = availableTagsSchema.parse(await answer.json());
    return { tags: items.map(({ tag, tracked }) => (tracked ? `*${tag}` : tag)), more };
  }

  it('lists the newest version first, what is tracked marked, without artifacts', async () => {
    api.bus.repositories.set('docker.io/acme/app', {
      outcome: 'listed',
      tags: ['latest', '1.9', '1.27', '1.27-rc1', `sha256-${SHA}.sig`, `sha256-${SHA}`, SHA, '1.27.3', '5.0.1'],
    });
    api.readModel.tags = [tagRow('docker.io/acme/app:1.9'), tagRow('docker.io/acme/other:1.27')];
    const all = ['5.0.1', '1.27.3', '1.27', '1.27-rc1', '*1.9', 'latest', SHA];
    expect(await list('')).toEqual({ tags: all, more: 0 });
    expect(await list('?limit=2')).toEqual({ tags: all.slice(0, 2), more: 5 });
    expect(await list('?filter=1.27*')).toEqual({ tags: ['1.27.3', '1.27', '1.27-rc1'], more: 0 });
    expect(await list('?filter=27')).toEqual({ tags: ['1.27.3', '1.27', '1.27-rc1'], more: 0 });
    expect(await list('?limit=2&without=1.27')).toEqual({
      tags: all.filter((tag) => tag !== '1.27').slice(0, 2),
      more: 4,
    });
    expect(await list('?filter=nothing')).toEqual({ tags: [], more: 0 });
  });

  it('takes the short and the encoded name', async () => {
    api.bus.repositories.set('docker.io/library/nginx', { outcome: 'listed', tags: ['1'] });
    for (const name of ['nginx', 'library/nginx', 'index.docker.io%2Flibrary%2Fnginx']) {
      expect((await api.get(`/api/v1/repositories/${name}/available-tags`)).status).toBe(200);
    }
  });

  it.each([
    ['not-found', 404, 'unknown-repository'],
    ['refused', 403, 'refused'],
    ['unreachable', 502, 'registry-unreachable'],
    ['throttled', 503, 'throttled'],
  ] as const)('answers %s with a problem', async (outcome, status, kind) => {
    const retryAt = new Date(Date.now() + 60_000).toISOString();
    api.bus.repositories.set('ghcr.io/a/b', {
      outcome,
      reason: 'because',
      ...(outcome === 'throttled' ? { retryAt } : {}),
    });
    const answer = await api.get('/api/v1/repositories/ghcr.io/a/b/available-tags');
    expect(answer.status).toBe(status);
    expect(problemSchema.parse(await answer.json())).toMatchObject({
      type: `urn:docker-tag-monitor:problem:${kind}`,
      title: 'ghcr.io/a/b: because',
    });
    if (outcome === 'throttled') expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(50);
  });

  it('says so where nobody can ask the registry', async () => {
    const answer = await api.get('/api/v1/repositories/quay.io/a/b/available-tags');
    expect(answer.status).toBe(503);
    expect(problemSchema.parse(await answer.json()).title).toBe('The registry cannot be asked at the moment');
  });

  it.each([
    ['UPPER/available-tags', 'repository'],
    ['nginx:1/available-tags', 'repository'],
    ['nginx/available-tags?limit=1001', 'limit'],
    ['nginx/available-tags?limit=0', 'limit'],
    [`nginx/available-tags?filter=${'*'.repeat(129)}`, 'filter'],
  ])('refuses %s and names the field', async (path, field) => {
    const answer = await api.get(`/api/v1/repositories/${path}`);
    expect(answer.status).toBe(400);
    expect(problemSchema.parse(await answer.json()).errors?.map((one) => one.field)).toEqual([field]);
  });
});

describe('tagFilter', () => {
  it.each([
    ['5.0.*', '5.0.1', true],
    ['5.0.*', '15.0.1', false],
    ['5.?', '5.1', true],
    ['5.?', '5.12', false],
    ['*-alpine', '1.27-alpine', true],
    ['*-alpine', '1.27-alpine3', false],
    ['1*27*3', '1.27.3', true],
    ['**', '', true],
    ['?', '', false],
    ['ALPINE', '1-alpine', true],
    ['.', '1-alpine', false],
    ['', 'anything', true],
    ['[a-z]*', '[a-z]1', true],
  ])('%j passes %j: %s', (filter, tag, passes) => {
    expect(tagFilter(filter)(tag)).toBe(passes);
  });

  it('does not take for ever', () => {
    expect(tagFilter('*a'.repeat(60) + 'b')('a'.repeat(128))).toBe(false);
  });
});
