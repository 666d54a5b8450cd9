import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Problem, TrackResponse } from '@dtm/api-contract';
import { problemSchema, trackResponseSchema } from '../openapi/schemas.ts';
import { tagRow } from '../testing/fake-read-model.ts';
import { startApi, type TestApi } from '../testing/start-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi({ ADMIN_TOKEN: 'the token', MAX_API_REQUESTS_PER_MINUTE: '0' });
});
afterAll(() => api.stop());
beforeEach(() => {
  api.readModel.tags = [];
  api.readModel.fault = null;
  api.bus.registry.clear();
  api.bus.tracked.clear();
  api.bus.asked = [];
  api.bus.onTrack = ({ registry, repository, tag }) => {
    api.readModel.tags.push(tagRow(`${registry}/${repository}:${tag}`, { state: 'pending' }));
  };
});

async function track(...references: string[]): Promise<TrackResponse['results']> {
  const response = await api.post('/api/v1/tags', { references });
  expect(response.status).toBe(200);
  return trackResponseSchema.parse(await response.json()).results;
}

async function problem(response: Promise<Response>, status: number): Promise<Problem> {
  const answer = await response;
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  const body = problemSchema.parse(await answer.json());
  expect(body.status).toBe(status);
  return body;
}

describe('POST /api/v1/tags', () => {
  it('tells the outcome of each reference, in order, each asked for once', async () => {
    api.readModel.tags = [tagRow('docker.io/library/redis:7')];
    api.bus.registry
      .set('docker.io/library/nginx:latest', { outcome: 'exists' })
      .set('docker.io/acme/none:1', { outcome: 'not-found', reason: 'there is no such tag, or it is private' })
      .set('127.0.0.1:5000/a:1', { outcome: 'refused', reason: 'its address is private' })
      .set('ghcr.io/a/b:1', {
        outcome: 'throttled',
        reason: 'the registry asks to wait',
        retryAt: '2026-11-22T12:00:00Z',
      });
    const results = await track(
      'nginx',
      'index.docker.io/library/nginx:latest',
      'redis:7',
      'acme/none:1',
      '127.0.0.1:5000/a:1',
      'ghcr.io/a/b:1',
      'registry.example.com/a:1',
      'nginx:',
    );
    expect(results).toEqual([
      { reference: 'docker.io/library/nginx:latest', outcome: 'tracked' },
      { reference: 'docker.io/library/nginx:latest', outcome: 'tracked' },
      { reference: 'docker.io/library/redis:7', outcome: 'already-tracked' },
      { reference: 'docker.io/acme/none:1', outcome: 'not-found', reason: 'there is no such tag, or it is private' },
      { reference: '127.0.0.1:5000/a:1', outcome: 'refused', reason: 'its address is private' },
      {
        reference: 'ghcr.io/a/b:1',
        outcome: 'throttled',
        reason: 'the registry asks to wait (again after 2026-11-22T12:00:00Z)',
      },
      {
        reference: 'registry.example.com/a:1',
        outcome: 'unreachable',
        reason: 'The registry cannot be asked at the moment',
      },
      { reference: 'nginx:', outcome: 'invalid', reason: 'there is a colon but no tag behind it' },
    ]);
    expect([...api.bus.tracked]).toEqual([['docker.io/library/nginx:latest', 'person']]);
    expect(api.bus.asked.filter((name) => name.includes('nginx'))).toHaveLength(1);
    expect(api.bus.asked).not.toContain('docker.io/library/redis:7');
  });

  it.each([
    'nginx:',
    'UPPER/case',
    `nginx:${'a'.repeat(300)}`,
    'http://x',
    'a/../b',
    'nginx@sha256:zz',
    'ngi\u0000nx',
    'nginx\u202e:latest',
    '',
    '   ',
    '\t',
  ])('calls %j invalid, with a reason, and asks and stores nothing', async (text) => {
    const [result] = await track(text);
    expect(result?.outcome).toBe('invalid');
    expect(result?.reason).toMatch(/\w{3}/);
    expect(result?.reference).toMatch(/^[\x20-\x7e]*$/);
    expect(api.bus.asked).toEqual([]);
    expect(api.bus.tracked.size).toBe(0);
  });

  it('tracks 100 at once and refuses more', async () => {
    const references = Array.from({ length: 100 }, (_, i) => `docker.io/library/nginx:${i}`);
    for (const name of references) api.bus.registry.set(name, { outcome: 'exists' });
    const results = await track(...references);
    expect(results.map(({ reference }) => reference)).toEqual(references);
    expect(results.every(({ outcome }) => outcome === 'tracked')).toBe(true);
    const more = await problem(api.post('/api/v1/tags', { references: [...references, 'redis'] }), 400);
    expect(more.errors).toEqual([{ field: 'references', message: 'at most 100 references at once' }]);
  });

  it.each([
    [{ references: [] }, 'references', 'at least one reference'],
    [{ references: 'nginx' }, 'references', 'a list of 1 to 100 references'],
    [{ references: ['nginx', 5] }, 'references.1', 'a text such as "nginx" or "ghcr.io/owner/name:tag"'],
    [{}, 'references', 'a list of 1 to 100 references'],
    [[], 'body', 'a JSON object such as {"references": ["nginx"]}, with nothing else in it'],
    [
      { references: ['nginx'], extra: 1 },
      'body',
      'a JSON object such as {"references": ["nginx"]}, with nothing else in it',
    ],
    ['{"references": [', 'body', 'it is not valid JSON'],
    ['"nginx"', 'body', 'it is not valid JSON'],
    ['', 'references', 'a list of 1 to 100 references'],
  ])('answers %j with a problem that names the field', async (body, field, message) => {
    const { title, errors } = await problem(api.post('/api/v1/tags', body), 400);
    expect(errors?.[0]).toEqual({ field, message });
    expect(title).toBe(`${field}: ${message}`);
    expect(api.bus.tracked.size).toBe(0);
  });

  it('refuses 10,000 references', async () => {
    const { errors } = await problem(api.post('/api/v1/tags', { references: Array(10_000).fill('nginx') }), 400);
    expect(errors).toEqual([{ field: 'references', message: 'at most 100 references at once' }]);
    expect(api.bus.asked).toEqual([]);
  });

  it('lists at most 20 faults', async () => {
    const { errors, detail } = await problem(api.post('/api/v1/tags', { references: Array(90).fill(1) }), 400);
    expect(errors).toHaveLength(20);
    expect(detail).toBe('70 more are not listed');
  });

  it('refuses 10 MB and lives on', async () => {
    const body = JSON.stringify({ references: ['a'.repeat(10_000_000)] });
    const { errors } = await problem(api.post('/api/v1/tags', body), 413);
    expect(errors).toEqual([{ field: 'body', message: 'it is larger than 1 MB' }]);
    expect((await api.get('/healthz')).status).toBe(200);
  });

  it('asks for JSON where something else is sent', async () => {
    const text = api.get('/api/v1/tags', {
      method: 'POST',
      body: 'references=nginx',
      headers: { 'content-type': 'text/plain' },
    });
    expect((await problem(text, 415)).title).toBe('body: send JSON with content-type: application/json');
  });

  it('says that the database is away', async () => {
    api.readModel.fault = Object.assign(new Error('connect ECONNREFUSED 10.0.0.9:5432'), { code: 'ECONNREFUSED' });
    const { title } = await problem(api.post('/api/v1/tags', { references: ['nginx'] }), 503);
    expect(title).toBe('The database does not answer: try again in a moment');
  });
});

describe('DELETE /api/v1/tags/{reference}', () => {
  const path = '/api/v1/tags/docker.io/library/nginx:1';
  const untrack = (token: string | null, at = path): Promise<Response> =>
    api.get(at, { method: 'DELETE', headers: token === null ? {} : { authorization: token } });

  it('needs the token', async () => {
    api.bus.tracked.set('docker.io/library/nginx:1', 'person');
    for (const token of [null, 'Bearer wrong', 'the token', 'Basic the token', 'Bearer ']) {
      const answer = await untrack(token);
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
      await problem(Promise.resolve(answer), 401);
    }
    expect(api.bus.tracked.size).toBe(1);
    const done = await untrack('Bearer the token');
    expect(done.status).toBe(204);
    expect(await done.text()).toBe('');
    expect(api.bus.tracked.size).toBe(0);
  });

  it('is done already where the tag is untracked, and unknown where nothing is known of it', async () => {
    api.readModel.tags = [tagRow('docker.io/library/nginx:1', { state: 'untracked' })];
    expect((await untrack('Bearer the token')).status).toBe(204);
    await problem(untrack('Bearer the token', '/api/v1/tags/nginx:2'), 404);
    await problem(untrack('Bearer the token', '/api/v1/tags/nginx:'), 400);
  });

  it('never takes what lies below a tag for a repository', async () => {
    api.bus.tracked.set('docker.io/team/changes:latest', 'person');
    const { title } = await problem(untrack('Bearer the token', '/api/v1/tags/team/changes'), 404);
    expect(title).toContain('needs its tag written out, as in "changes:latest"');
    expect(api.bus.tracked.size).toBe(1);
    expect((await untrack('Bearer the token', '/api/v1/tags/team/changes:latest')).status).toBe(204);
    expect(api.bus.tracked.size).toBe(0);
  });

  it('answers once pages no longer show the tag as watched', async () => {
    const name = 'docker.io/library/nginx:1';
    api.readModel.tags = [tagRow(name)];
    api.bus.tracked.set(name, 'person');
    setTimeout(() => (api.readModel.tags = [tagRow(name, { state: 'untracked' })]), 100);
    expect((await untrack('Bearer the token')).status).toBe(204);
    expect(api.readModel.tags[0]?.state).toBe('untracked');
  });

  it('is turned off without a configured token', async () => {
    const closed = await startApi();
    try {
      const answer = closed.get(path, { method: 'DELETE', headers: { authorization: 'Bearer the token' } });
      expect((await problem(answer, 403)).title).toContain('set ADMIN_TOKEN');
    } finally {
      await closed.stop();
    }
  });
});
