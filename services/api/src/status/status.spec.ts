import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { statusSchema } from '../openapi/schemas.ts';
import { startApi, type TestApi } from '../testing/start-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
  api.readModel.summary = {
    tags: 12,
    tracked: 10,
    repositories: 3,
    changes: 7,
    registriesOnRecord: 3,
    registries: [
      { registry: 'ghcr.io', tags: 2, repositories: 1, requests24h: 0, observations24h: 0 },
      { registry: 'docker.io', tags: 8, repositories: 2, requests24h: 30, observations24h: 60 },
    ],
  };
  api.readModel.projected = [
    { stream: 'HISTORY', sequence: 8, at: new Date('2026-11-22T10:00:00Z') },
    { stream: 'MANIFESTS', sequence: 4, at: new Date('2026-11-22T10:30:00Z') },
    { stream: 'SCAN_LOG', sequence: 100, at: new Date('2026-11-22T11:00:00Z') },
    { stream: 'TRACKING', sequence: 0, at: null },
  ];
});
afterAll(() => api.stop());

describe('GET /api/v1/status', () => {
  it('puts together what the read model and NATS know', async () => {
    api.bus.sequences = { HISTORY: 10, MANIFESTS: 5, TRACKING: 1, SCAN_LOG: 100 };
    const lastError = { at: '2026-11-22T10:59:00.000Z', message: '429' };
    api.bus.states = [{ registry: 'docker.io', rate: 2.5, haltedUntil: '2026-11-22T12:00:00.000Z', lastError }];
    const status = statusSchema.parse(await (await api.get('/api/v1/status')).json());
    expect(api.bus.throttlesOf).toEqual(['ghcr.io', 'docker.io']);
    expect(status).toEqual({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      counts: { tags: 12, tracked: 10, repositories: 3, registries: 3, changes: 7 },
      registries: [
        {
          registry: 'docker.io',
          tags: 8,
          repositories: 2,
          rate: 2.5,
          haltedUntil: '2026-11-22T12:00:00.000Z',
          lastError,
          requestsPerObservation: 0.5,
        },
        {
          registry: 'ghcr.io',
          tags: 2,
          repositories: 1,
          rate: 10,
          haltedUntil: null,
          lastError: null,
          requestsPerObservation: null,
        },
      ],
      projection: { lag: 4, projectedUntil: '2026-11-22T11:00:00.000Z' },
    });
  });

  it('shows the rest while NATS is away', async () => {
    api.bus.sequences = null;
    const status = statusSchema.parse(await (await api.get('/api/v1/status')).json());
    expect(status.projection.lag).toBeNull();
    expect(status.registries[0]?.rate).toBeNull();
    expect(status.counts.tags).toBe(12);
  });
});
