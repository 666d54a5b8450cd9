import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ReadModelMissing } from '@dtm/read-model';
import { problemSchema } from '../openapi/schemas.ts';
import { startApi, type TestApi } from '../testing/start-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi({ MAX_API_REQUESTS_PER_MINUTE: '0' });
});
afterAll(() => api.stop());
afterEach(() => {
  api.readModel.fault = null;
});

describe('problems', () => {
  it.each([
    '/api',
    '/api/v1',
    '/api/v2/tags',
    '/api/v1/resolve',
    '/api/v1/digests/sha256:0',
    '/v2/',
    '/feeds/a',
    '/badges/a',
    '/hooks/a',
  ])('answers %s, which is nothing yet, with 404', async (path) => {
    const answer = await api.get(path);
    expect(answer.status).toBe(404);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(problemSchema.parse(await answer.json()).title).toBe(
      `There is no GET ${path}: see /api/docs for what there is`,
    );
  });

  it('answers what lies below a tag and is nothing yet with 404, for whatever tag', async () => {
    for (const path of ['nginx/served', 'nginx:1/served', 'ghcr.io/team/app:1.0/served']) {
      const answer = await api.get(`/api/v1/tags/${path}`);
      expect(answer.status).toBe(404);
      expect(problemSchema.parse(await answer.json()).title).toMatch(/^There is no such call/);
    }
  });

  it('names each request by its id, even where it gets no further than its body', async () => {
    for (const answer of [
      await api.get('/api/v1/tags/nginx:1'),
      await api.get('/api/v1/tags', { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } }),
    ]) {
      const { instance } = problemSchema.parse(await answer.json());
      expect(instance).toBe(`urn:docker-tag-monitor:request:${answer.headers.get('x-request-id') ?? 'none'}`);
      expect(instance).toMatch(/:[0-9a-f-]{36}$/);
    }
  });

  it('answers another method with 404', async () => {
    const answer = await api.get('/api/v1/status', { method: 'PUT' });
    expect(answer.status).toBe(404);
    problemSchema.parse(await answer.json());
  });

  it('tells nothing of what broke but the request id', async () => {
    api.readModel.fault = new Error('select secret from table at 10.0.0.9');
    const answer = await api.get('/api/v1/status', { headers: { 'x-request-id': 'abc-123' } });
    expect(answer.status).toBe(500);
    expect(answer.headers.get('x-request-id')).toBe('abc-123');
    expect(problemSchema.parse(await answer.json())).toEqual({
      type: 'urn:docker-tag-monitor:problem:internal',
      title: 'Something broke on our side: try again, and report it with the request id if it stays',
      status: 500,
      detail: 'request id abc-123',
      instance: 'urn:docker-tag-monitor:request:abc-123',
    });
  });

  it.each([
    [new ReadModelMissing(), 'The record is still being set up: try again in a moment'],
    [Object.assign(new Error('x'), { code: '57P03' }), 'The database does not answer: try again in a moment'],
    [
      new Error('x', { cause: new AggregateError([Object.assign(new Error('y'), { code: 'ECONNREFUSED' })]) }),
      'The database does not answer: try again in a moment',
    ],
    [new Error('Connection terminated unexpectedly'), 'The database does not answer: try again in a moment'],
  ])('answers what passes with 503 (%s)', async (fault, title) => {
    api.readModel.fault = fault;
    const answer = await api.get('/api/v1/status');
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(problemSchema.parse(await answer.json()).title).toBe(title);
  });

  it('limits what one address may ask, but never the probes', async () => {
    const limited = await startApi({ MAX_API_REQUESTS_PER_MINUTE: '3' });
    try {
      const statuses: number[] = [];
      for (const path of [
        '/api/v1/tags',
        '/api/v1/status',
        '/api/v1/scans/days',
        '/api/v1/tags',
        '/healthz',
        '/readyz',
        '/metrics',
      ]) {
        statuses.push((await limited.get(path)).status);
      }
      expect(statuses).toEqual([200, 200, 200, 429, 200, 200, 200]);
    } finally {
      await limited.stop();
    }
  });

  it('limits a call however its path is capitalised', async () => {
    const limited = await startApi({ MAX_API_REQUESTS_PER_MINUTE: '3' });
    try {
      const statuses: number[] = [];
      for (const path of ['/API/v1/tags', '/Api/V1/status', '/api/v1/scans/days', '/aPI/v1/tags'])
        statuses.push((await limited.get(path)).status);
      expect(statuses).toEqual([200, 200, 200, 429]);
    } finally {
      await limited.stop();
    }
  });

  it('measures by route and class of status', async () => {
    await api.get('/api/v1/tags/nginx:1');
    for (const probe of ['/healthz', '/readyz', '/metrics?name=x']) await api.get(probe);
    const metrics = await (await api.get('/metrics')).text();
    expect(metrics).not.toMatch(/route="\/(?:healthz|readyz|metrics)"/);
    expect(metrics).toContain(
      'dtm_http_request_seconds_count{method="GET",route="/api/v1/tags/*reference",status="4xx"}',
    );
    expect(metrics).toContain('dtm_event_stream_clients 0');
  });

  it('sends security headers, and compresses what is long', async () => {
    api.readModel.days = Array.from({ length: 50 }, (_, i) => ({
      day: new Date(Date.UTC(2026, 0, i)).toISOString().slice(0, 10),
      succeeded: i,
      failed: 0,
      averageDurationSeconds: 0,
      requests: i,
    }));
    const { headers } = await api.get('/api/v1/scans/days');
    expect(headers.get('content-encoding')).toMatch(/gzip|br/);
    expect(headers.get('content-security-policy')).toContain("script-src 'self'");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-cache');
    expect(headers.get('x-powered-by')).toBeNull();
  });
});
