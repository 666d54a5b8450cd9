import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { TagDescription } from '@dtm/read-model';
import {
  changePageSchema,
  frequencySchema,
  problemSchema,
  tagDetailsSchema,
  tagPageSchema,
} from '../openapi/schemas.ts';
import { changeRow, tagRow } from '../testing/fake-read-model.ts';
import { startApi, type TestApi } from '../testing/start-api.ts';

const NGINX = 'docker.io/library/nginx:latest';
const DAY = 86_400_000;

let api: TestApi;
beforeAll(async () => {
  api = await startApi({ IMAGE_UPDATE_MAX_AGE: '1y', MAX_API_REQUESTS_PER_MINUTE: '0' });
});
afterAll(() => api.stop());
beforeEach(() => {
  api.readModel.tags = [tagRow(NGINX)];
  api.readModel.changes = [];
  api.readModel.buckets = [];
  api.readModel.description = null;
  api.readModel.fault = null;
  api.readModel.asked = { listTags: [], listChanges: [], countChanges: [], findTag: [] };
  api.bus.next = null;
  api.bus.viewed = [];
  api.bus.tracked.clear();
});

async function fieldOf(path: string): Promise<{ status: number; fields: string[]; title: string }> {
  const answer = await api.get(path);
  const { errors = [], title } = problemSchema.parse(await answer.json());
  return { status: answer.status, fields: errors.map(({ field }) => field), title };
}

describe('GET /api/v1/tags', () => {
  it('answers a page and a cursor to the next', async () => {
    api.readModel.tags = Array.from({ length: 60 }, (_, i) => tagRow(`docker.io/library/nginx:${i}`));
    const first = tagPageSchema.parse(await (await api.get('/api/v1/tags')).json());
    expect(first).toMatchObject({ total: 60, page: 1, pages: 3 });
    expect(first.items).toHaveLength(25);
    const second = tagPageSchema.parse(await (await api.get(`/api/v1/tags?cursor=${String(first.next)}`)).json());
    expect(second.items[0]?.reference).toBe('docker.io/library/nginx:25');
    expect(second).not.toHaveProperty('page');
    const last = tagPageSchema.parse(await (await api.get('/api/v1/tags?page=3')).json());
    expect(last).toMatchObject({ page: 3, next: null });
    expect(last.items).toHaveLength(10);
    const beyond = tagPageSchema.parse(await (await api.get('/api/v1/tags?page=9')).json());
    expect(beyond).toMatchObject({ items: [], next: null });
  });

  it('asks for what the query says', async () => {
    await api.get('/api/v1/tags?q=%20nginx%20&state=gone&sort=tag&limit=100&page=2');
    await api.get('/api/v1/tags?sort=changes&order=asc&q=');
    const [first, second] = api.readModel.asked.listTags;
    expect(first).toMatchObject({ q: 'nginx', state: 'gone', sort: 'tag', order: 'asc', limit: 100, offset: 100 });
    expect(second).toMatchObject({ q: null, state: null, sort: 'changes', order: 'asc', limit: 25, offset: 0 });
    const age = Number(first?.now) - Number(first?.inactiveBefore);
    expect(Math.round(age / DAY)).toBe(183);
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['page=0', 'page'],
    ['page=1.5', 'page'],
    ['sort=colour', 'sort'],
    ['order=up', 'order'],
    ['state=asleep', 'state'],
    ['cursor=zzz', 'cursor'],
    ['cursor=bzoyNQ&page=1', 'cursor'],
    ['q=%00', 'q'],
    [`q=${'a'.repeat(301)}`, 'q'],
  ])('refuses %s and names the field', async (query, field) => {
    expect(await fieldOf(`/api/v1/tags?${query}`)).toMatchObject({ status: 400, fields: [field] });
  });
});

describe('GET /api/v1/tags/{reference}', () => {
  it.each([
    'nginx',
    'nginx:latest',
    'library/nginx',
    'docker.io/library/nginx:latest',
    'index.docker.io/library/nginx:latest',
    'docker.io%2Flibrary%2Fnginx%3Alatest',
    'docker.io/library/nginx%3Alatest',
  ])('finds the canonical tag by %s', async (path) => {
    const answer = await api.get(`/api/v1/tags/${path}`);
    expect(answer.status).toBe(200);
    expect(tagDetailsSchema.parse(await answer.json()).reference).toBe(NGINX);
  });

  it('tells all that is known', async () => {
    api.bus.next = { at: '2026-11-22T12:00:00.000Z', reason: 'every 2h' };
    api.readModel.tags = [
      tagRow(NGINX, {
        lastPushedAt: new Date('2026-11-19T00:00:00Z'),
        lastPushedSource: 'image',
        trackedBy: 'popular',
        trackedSince: new Date('2025-12-31T23:59:58Z'),
      }),
    ];
    const description: TagDescription = {
      changes30d: 2,
      changes90d: 5,
      changes365d: 9,
      medianGapSeconds: 86_400,
      longestGapSeconds: 172_800,
      watchedSince: new Date('2026-01-01T00:00:00Z'),
      coveredSince: new Date('2026-01-01T00:00:00Z'),
      recentGaps: [{ from: new Date('2026-11-01T00:00:00Z'), to: new Date('2026-11-02T00:00:00Z') }],
    };
    api.readModel.description = description;
    const details = tagDetailsSchema.parse(await (await api.get('/api/v1/tags/nginx')).json());
    expect(details).toMatchObject({
      state: 'active',
      trackedBy: 'popular',
      lastPushedAt: { at: '2026-11-19T00:00:00.000Z', source: 'image' },
      cadence: { changes30d: 2, medianGapSeconds: 86_400, watchedSince: '2026-01-01T00:00:00.000Z' },
      coverage: {
        since: '2026-01-01T00:00:00.000Z',
        recentGaps: [{ from: '2026-11-01T00:00:00.000Z', to: '2026-11-02T00:00:00.000Z' }],
      },
      nextScanAt: '2026-11-22T12:00:00.000Z',
      nextScanReason: 'every 2h',
    });
    expect(details.failure).toBeNull();
    // Imported history is no time in which anyone looked.
    for (const since of ['2026-03-01T00:00:00.000Z', null]) {
      api.readModel.description = { ...description, coveredSince: since === null ? null : new Date(since) };
      const imported = tagDetailsSchema.parse(await (await api.get('/api/v1/tags/nginx')).json());
      expect(imported.coverage.since).toBe(since);
      expect(imported.cadence.watchedSince).toBe('2026-01-01T00:00:00.000Z');
    }
  });

  it('tells why a tag is unreachable', async () => {
    api.readModel.tags = [tagRow(NGINX, { state: 'unreachable', failure: 'connection refused' })];
    const details = tagDetailsSchema.parse(await (await api.get('/api/v1/tags/nginx')).json());
    expect(details).toMatchObject({ state: 'unreachable', failure: 'connection refused' });
  });

  it('shows the rest while the scheduler does not answer', async () => {
    const details = tagDetailsSchema.parse(await (await api.get('/api/v1/tags/nginx')).json());
    expect(details).toMatchObject({ nextScanAt: null, nextScanReason: 'the scheduler does not answer' });
  });

  it('counts as a view, which revives what expired but nothing that was untracked', async () => {
    await api.get('/api/v1/tags/nginx');
    expect(api.bus.viewed).toEqual([NGINX]);
    expect(api.bus.tracked.size).toBe(0);
    api.readModel.tags = [
      tagRow(NGINX, { state: 'expired' }),
      tagRow('docker.io/library/redis:7', { state: 'untracked' }),
    ];
    await api.get('/api/v1/tags/nginx');
    await api.get('/api/v1/tags/redis:7');
    expect([...api.bus.tracked]).toEqual([[NGINX, 'view']]);
    expect(api.bus.viewed).toEqual([NGINX, NGINX]);
  });

  it('never adds an unknown tag, and says what to do', async () => {
    for (const path of ['', '/changes', '/frequency']) {
      expect(await fieldOf(`/api/v1/tags/redis:7${path}`)).toMatchObject({
        status: 404,
        title: 'docker.io/library/redis:7 is not tracked yet: add it with POST /api/v1/tags',
      });
    }
    expect(api.bus.viewed).toEqual([]);
    expect(api.bus.tracked.size).toBe(0);
  });

  it.each(['nginx:', 'UPPER/case', 'a//b', 'nginx@sha256:zz', 'a/%00', '%20', 'a/..%2Fb', 'nginx/'])(
    'refuses %s with the reason',
    async (path) => {
      const { status, fields, title } = await fieldOf(`/api/v1/tags/${path}`);
      expect({ status, fields }).toEqual({ status: 400, fields: ['reference'] });
      expect(title).toMatch(/is not a reference: /);
    },
  );

  it('refuses broken percent-encoding', async () => {
    expect((await fieldOf('/api/v1/tags/%ff%fe')).status).toBe(400);
  });
});

describe('GET /api/v1/tags/{reference}/changes', () => {
  it('answers a page, newest first, bounded by what is shown', async () => {
    api.readModel.changes = [1, 2, 3].map((sequence) => changeRow(NGINX, sequence));
    const page = changePageSchema.parse(await (await api.get('/api/v1/tags/nginx/changes?limit=2')).json());
    expect(page.items.map(({ sequence }) => sequence)).toEqual([3, 2]);
    expect(page.total).toBe(3);
    const [asked] = api.readModel.asked.listChanges;
    expect(asked).toMatchObject({ reference: NGINX, limit: 2, offset: 0 });
    expect(Math.round((Date.now() - Number(asked?.since)) / DAY)).toBe(365);
    const next = changePageSchema.parse(
      await (await api.get(`/api/v1/tags/nginx/changes?limit=2&cursor=${String(page.next)}`)).json(),
    );
    expect(next.items.map(({ sequence }) => sequence)).toEqual([1]);
  });

  it('is empty for a tag that was not scanned yet', async () => {
    const answer = await api.get('/api/v1/tags/nginx/changes');
    expect(changePageSchema.parse(await answer.json())).toEqual({ items: [], total: 0, page: 1, pages: 0, next: null });
  });

  it('takes the keyword for the sub-resource unless the tag is written out', async () => {
    const acme = tagRow('docker.io/acme/app:latest');
    const changes = tagRow('docker.io/acme/changes:latest');
    api.readModel.tags = [acme, changes];
    expect(
      changePageSchema.safeParse(await (await api.get('/api/v1/tags/docker.io/acme/app/changes')).json()).success,
    ).toBe(true);
    const reference = async (path: string): Promise<unknown> =>
      ((await (await api.get(`/api/v1/tags/${path}`)).json()) as { reference: unknown }).reference;
    expect(await reference('docker.io/acme/changes:latest')).toBe(changes.reference);
    expect(await reference('docker.io%2Facme%2Fchanges')).toBe(changes.reference);
    const sub = await api.get('/api/v1/tags/acme/changes:latest/changes');
    expect(changePageSchema.safeParse(await sub.json()).success).toBe(true);
    expect(await fieldOf('/api/v1/tags/docker.io/acme/changes')).toMatchObject({ status: 404 });
    expect(api.readModel.asked.listChanges.at(-1)?.reference).toBe('docker.io/library/acme:latest');
  });
});

describe('GET /api/v1/tags/{reference}/frequency', () => {
  const start = new Date('2026-11-16T00:00:00Z');

  it('counts per week unless months are asked for', async () => {
    api.readModel.buckets = [{ start, changes: 2 }];
    const weeks = frequencySchema.parse(await (await api.get('/api/v1/tags/nginx:latest/frequency')).json());
    expect(weeks).toEqual({ interval: 'week', buckets: [{ start: start.toISOString(), changes: 2 }] });
    await api.get('/api/v1/tags/nginx/frequency?interval=month&from=2026-01-31&to=2026-06-30T12:00:00%2B02:00');
    expect(api.readModel.asked.countChanges[1]).toMatchObject({
      interval: 'month',
      from: new Date('2026-01-31T00:00:00Z'),
      to: new Date('2026-06-30T10:00:00Z'),
      maxBuckets: 520,
    });
  });

  it('shows nothing before IMAGE_UPDATE_MAX_AGE, and no empty time before the baseline', async () => {
    const years = (date: Date | null | undefined): number => Math.round((Date.now() - Number(date)) / DAY / 365.25);
    const describeSince = (watchedSince: Date): void => {
      api.readModel.description = {
        changes30d: 0,
        changes90d: 0,
        changes365d: 0,
        medianGapSeconds: null,
        longestGapSeconds: null,
        watchedSince,
        coveredSince: watchedSince,
        recentGaps: [],
      };
    };
    describeSince(new Date(Date.now() - 30 * DAY));
    await api.get('/api/v1/tags/nginx/frequency');
    describeSince(new Date(Date.now() - 3000 * DAY));
    await api.get('/api/v1/tags/nginx/frequency');
    await api.get('/api/v1/tags/nginx/frequency?from=2001-01-01');
    const [young, old, asked] = api.readModel.asked.countChanges;
    expect(years(young?.from)).toBe(0);
    expect(years(old?.from)).toBe(1);
    expect(years(asked?.from)).toBe(1);
    for (const question of [young, old, asked]) expect(years(question?.since)).toBe(1);
  });

  it.each([
    ['interval=day', 'interval'],
    ['from=yesterday', 'from'],
    ['from=2026-02-30', 'from'],
    ['from=0001-01-01', 'from'],
    ['to=2026-11-22T10:00', 'to'],
    ['from=2026-11-22&to=2026-11-21', 'to'],
    ['from=9000-01-01', 'from'],
  ])('refuses %s and names the field', async (query, field) => {
    expect(await fieldOf(`/api/v1/tags/nginx/frequency?${query}`)).toMatchObject({ status: 400, fields: [field] });
  });
});
