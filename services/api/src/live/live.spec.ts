import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { changeMessageSchema, problemSchema } from '../openapi/schemas.ts';
import { changeRow } from '../testing/fake-read-model.ts';
import { readEvents, type EventClient } from '../testing/read-events.ts';
import { startApi, type TestApi } from '../testing/start-api.ts';

const NGINX = 'docker.io/library/nginx:1';
const REDIS = 'docker.io/library/redis:7';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

async function connect(query = '', lastEventId?: number): Promise<EventClient> {
  const headers = lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) };
  return readEvents(`${api.url}/api/v1/events${query}`, headers);
}

function happens(reference: string): number {
  const sequence = (api.readModel.changes.at(-1)?.sequence ?? 0) + 1;
  api.readModel.changes.push(changeRow(reference, sequence));
  api.notify('history', String(sequence));
  return sequence;
}

const sequences = async (client: EventClient, count: number): Promise<number[]> => {
  const found: number[] = [];
  while (found.length < count) found.push(changeMessageSchema.parse((await client.next()).data).change.sequence);
  return found;
};

describe('GET /api/v1/events', () => {
  it('tells every client what happens from now on, with the sequence as id', async () => {
    happens(NGINX);
    const [first, second] = await Promise.all([connect(), connect()]);
    const sequence = happens(NGINX);
    for (const client of [first, second]) {
      const event = await client.next();
      expect(event).toMatchObject({ event: 'change', id: String(sequence) });
      expect(changeMessageSchema.parse(event.data)).toMatchObject({ reference: NGINX, change: { sequence } });
      client.close();
    }
  });

  it('resumes behind the last id, each change once and in order, and goes on live', async () => {
    const start = api.readModel.changes.at(-1)?.sequence ?? 0;
    for (let i = 0; i < 1200; i++) happens(i % 2 === 0 ? NGINX : REDIS);
    const connecting = connect('', start + 5);
    happens(NGINX);
    const client = await connecting;
    happens(NGINX);
    const expected = Array.from({ length: 1197 }, (_, i) => start + 6 + i);
    expect(await sequences(client, 1197)).toEqual(expected);
    client.close();
  });

  it('gives a client without a last id one to come back with', async () => {
    const client = await connect();
    const sequence = happens(REDIS);
    expect(await sequences(client, 1)).toEqual([sequence]);
    client.close();
    const missed = [happens(REDIS), happens(NGINX)];
    const again = await connect('', Number(client.lastEventId));
    expect(await sequences(again, 2)).toEqual(missed);
    again.close();
  });

  it('tells only of the tag that was asked for', async () => {
    const client = await connect('?reference=nginx:1');
    happens(REDIS);
    const sequence = happens(NGINX);
    expect(await sequences(client, 1)).toEqual([sequence]);
    const scan = {
      finishedAt: '2026-11-22T10:00:00.000Z',
      succeeded: false,
      changes: 0,
      error: 'no answer',
      failures: [],
    };
    api.notify('scan', JSON.stringify({ registry: 'docker.io', repository: 'library/redis', ...scan }));
    api.notify('scan', 'not json');
    api.notify('scan', JSON.stringify({ registry: 'docker.io', repository: 'library/nginx', ...scan }));
    const event = await client.next();
    expect(event.event).toBe('scan');
    // A scan has no id of its own, so a client that comes back loses nothing.
    expect(event.id).toBe(String(sequence));
    expect(event.data).toEqual({ registry: 'docker.io', repository: 'library/nginx', ...scan });
    client.close();
  });

  it('takes an id from the future for the present', async () => {
    const client = await connect('', 1_000_000);
    const sequence = happens(NGINX);
    expect(await sequences(client, 1)).toEqual([sequence]);
    client.close();
  });

  it.each([
    ['?reference=nginx:', {}, 'reference'],
    ['', { 'last-event-id': 'x' }, 'Last-Event-ID'],
  ])('refuses %s %j', async (query, headers, field) => {
    const answer = await api.get(`/api/v1/events${query}`, { headers });
    expect(answer.status).toBe(400);
    expect(problemSchema.parse(await answer.json()).errors?.[0]?.field).toBe(field);
  });

  it('is not compressed or kept, and a database that is away is told', async () => {
    const answer = await api.get('/api/v1/events');
    expect(answer.headers.get('content-encoding')).toBeNull();
    expect(answer.headers.get('cache-control')).toBe('no-store');
    await answer.body?.cancel();
    expect((await api.get('/api/v1/events', { method: 'HEAD' })).status).toBe(200);
    api.readModel.fault = Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
    expect((await api.get('/api/v1/events')).status).toBe(503);
    api.readModel.fault = null;
  });

  it('forgets clients that went away', async () => {
    const client = await connect();
    client.close();
    for (;;) {
      const metrics = await (await api.get('/metrics')).text();
      if (metrics.includes('dtm_event_stream_clients 0')) break;
    }
    happens(NGINX);
    expect((await api.get('/healthz')).status).toBe(200);
  });
});
