import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { problemSchema, scanDaysSchema, scanNowResponseSchema } from '../openapi/schemas.ts';
import { tagRow } from '../testing/fake-read-model.ts';
import { startApi, type TestApi } from '../testing/start-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
  api.readModel.tags = [
    tagRow('docker.io/library/nginx:1'),
    tagRow('docker.io/library/nginx:2', { state: 'untracked' }),
  ];
});
afterAll(() => api.stop());

describe('GET /api/v1/scans/days', () => {
  it('answers what the read model holds', async () => {
    api.readModel.days = [{ day: '2026-11-22', succeeded: 2, failed: 1, averageDurationSeconds: 0.5, requests: 9 }];
    const days = scanDaysSchema.parse(await (await api.get('/api/v1/scans/days?days=1')).json());
    expect(days.items).toEqual(api.readModel.days);
  });

  it.each(['0', '367', 'x'])('refuses days=%s', async (days) => {
    const answer = await api.get(`/api/v1/scans/days?days=${days}`);
    expect(problemSchema.parse(await answer.json()).errors?.[0]?.field).toBe('days');
  });
});

describe('POST /api/v1/scans', () => {
  it('makes the repository of a tracked tag due', async () => {
    const answer = await api.post('/api/v1/scans', { reference: 'nginx:1' });
    expect(answer.status).toBe(202);
    expect(scanNowResponseSchema.parse(await answer.json())).toEqual({
      reference: 'docker.io/library/nginx:1',
      dueAt: '2026-11-22T12:00:00.000Z',
    });
    expect(api.bus.asked).toEqual(['docker.io/library/nginx']);
  });

  it.each([
    [{ reference: 'nginx:2' }, 404],
    [{ reference: 'redis' }, 404],
    [{ reference: 'nginx:' }, 400],
    [{ reference: 5 }, 400],
    [{}, 400],
    ['{', 400],
  ])('answers %j with %s', async (body, status) => {
    const answer = await api.post('/api/v1/scans', body);
    expect(answer.status).toBe(status);
    problemSchema.parse(await answer.json());
  });

  it('says so while the scheduler is away', async () => {
    api.bus.dueAt = null;
    const answer = await api.post('/api/v1/scans', { reference: 'nginx:1' });
    expect(answer.status).toBe(503);
    expect(problemSchema.parse(await answer.json()).title).toBe('The scheduler does not answer');
  });

  it('is limited per client, and other calls go on', async () => {
    const own = await startApi();
    try {
      own.readModel.tags = [tagRow('docker.io/library/nginx:1')];
      const statuses: number[] = [];
      let last: Response | null = null;
      for (let i = 0; i < 31; i++) {
        last = await own.post('/api/v1/scans', { reference: 'nginx:1' });
        statuses.push(last.status);
      }
      expect(statuses).toEqual([...Array<number>(30).fill(202), 429]);
      expect(Number(last?.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(problemSchema.parse(await last?.json()).type).toBe('urn:docker-tag-monitor:problem:too-many-requests');
      expect((await own.get('/api/v1/tags')).status).toBe(200);
    } finally {
      await own.stop();
    }
  });
});
