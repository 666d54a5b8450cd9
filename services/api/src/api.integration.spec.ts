import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeTracking, SUBJECTS } from '@dtm/events';
import { Appender, connectNats, QUERIES, STREAMS, ViewLog, type NatsConnection } from '@dtm/jetstream';
import { isInvalid, Reference } from '@dtm/oci';
import { startNats, startPostgres, type RunningNats, type RunningPostgres } from '@dtm/testing';
import {
  changeMessageSchema,
  changePageSchema,
  statusSchema,
  tagDetailsSchema,
  tagPageSchema,
  trackResponseSchema,
} from './openapi/schemas.ts';
import { readEvents, type EventClient } from './testing/read-events.ts';
import { Record } from './testing/record.ts';
import { startWithStores } from './testing/start-api.ts';

function reference(text: string): Reference {
  const parsed = Reference.parse(text);
  if (isInvalid(parsed)) throw new Error(`${text}: ${parsed.reason}`);
  return parsed;
}

const APP = reference('registry.example.com/team/app:1.0');

let nats: RunningNats;
let postgres: RunningPostgres;
let record: Record;
let nc: NatsConnection;
let api: { url: string; stop(): Promise<void> };

beforeAll(async () => {
  [nats, postgres] = await Promise.all([startNats(), startPostgres()]);
  const databaseUrl = await postgres.newDatabase();
  record = await Record.open(databaseUrl);
  api = await startWithStores({
    DATABASE_URL: databaseUrl,
    NATS_URL: nats.url,
    ADMIN_TOKEN: 'token',
    MAX_API_REQUESTS_PER_MINUTE: '0',
  });
  nc = await connectNats({ url: nats.url, name: 'test' });
  await until(async () => ((await (await get('/readyz')).json()) as { status: string }).status === 'ok');
}, 60_000);

afterAll(async () => {
  await api.stop();
  await nc.close();
  await record.close().catch(() => undefined);
  await Promise.all([nats.stop(), postgres.stop()]);
});

const get = (path: string, init?: RequestInit): Promise<Response> => fetch(`${api.url}${path}`, init);

/** Waits for what takes a while by itself; the test's own limit is the deadline. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Answers a question as a fetcher or the scheduler would. */
/** Answers questions from the moment on at which it resolves; before, the server may not know of it. */
async function answering(subject: string, answer: (question: Question) => unknown): Promise<() => void> {
  const subscription = nc.subscribe(subject, {
    callback: (_error, message) => void message.respond(JSON.stringify({ answer: answer(message.json<Question>()) })),
  });
  await nc.flush();
  return () => subscription.unsubscribe();
}
interface Question {
  registry: string;
  repository: string;
  tag: string;
}

async function post(path: string, body: unknown): Promise<Response> {
  return get(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
}

async function lastTracking(of: Reference): Promise<{ type: string; by: string } | null> {
  const last = await new Appender(nc, STREAMS.tracking).last(SUBJECTS.tracking(of));
  if (last === null) return null;
  const event = decodeTracking(last.data);
  return { type: event.type, by: event.data.by };
}

async function nextChange(client: EventClient): Promise<{ reference: string; sequence: number }> {
  const message = changeMessageSchema.parse((await client.next()).data);
  return { reference: message.reference, sequence: message.change.sequence };
}

describe('the api with PostgreSQL and NATS', () => {
  it('tracks what exists, answers about it, and untracks it', async () => {
    const stop = await answering(QUERIES.tagExists, ({ tag }) =>
      tag === '1.0' ? { outcome: 'exists' } : { outcome: 'not-found', reason: 'there is no such tag' },
    );
    const answer = await post('/api/v1/tags', { references: [APP.toString(), 'registry.example.com/team/app:2.0'] });
    stop();
    expect(trackResponseSchema.parse(await answer.json()).results).toEqual([
      { reference: APP.toString(), outcome: 'tracked' },
      { reference: 'registry.example.com/team/app:2.0', outcome: 'not-found', reason: 'there is no such tag' },
    ]);
    expect(await lastTracking(APP)).toEqual({ type: 'dockertagmonitor.TagTracked.v1', by: 'person' });
    expect(await lastTracking(reference('registry.example.com/team/app:2.0'))).toBeNull();
    await record.track(APP);
    expect(tagPageSchema.parse(await (await get('/api/v1/tags')).json()).items[0]).toMatchObject({
      reference: APP.toString(),
      state: 'pending',
    });
    const again = await post('/api/v1/tags', { references: [APP.toString()] });
    expect(trackResponseSchema.parse(await again.json()).results[0]?.outcome).toBe('already-tracked');
    const gone = await get(`/api/v1/tags/${APP.toString()}`, {
      method: 'DELETE',
      headers: { authorization: 'Bearer token' },
    });
    expect(gone.status).toBe(204);
    expect(await lastTracking(APP)).toEqual({ type: 'dockertagmonitor.TagUntracked.v1', by: 'person' });
  });

  it('asks the scheduler and notes the view, which revives what expired', async () => {
    const expired = reference('registry.example.com/team/expired:1');
    await record.track(expired);
    const views = await ViewLog.open(nc);
    const stop = await answering(QUERIES.nextScan, () => ({ at: '2026-11-22T12:00:00.000Z', reason: 'every 2h' }));
    const details = tagDetailsSchema.parse(await (await get(`/api/v1/tags/${expired.toString()}`)).json());
    expect(details).toMatchObject({ nextScanAt: '2026-11-22T12:00:00.000Z', nextScanReason: 'every 2h' });
    await until(async () => (await views.lastView(expired)) !== null);
    expect(await lastTracking(expired)).toBeNull();
    await record.untrack(expired, 'expiry');
    await get(`/api/v1/tags/${expired.toString()}`);
    stop();
    await until(async () => (await lastTracking(expired))?.by === 'view');
  });

  it('tells live what the projector commits, and loses nothing while PostgreSQL restarts', async () => {
    const client = await readEvents(`${api.url}/api/v1/events`);
    const other = await readEvents(`${api.url}/api/v1/events?reference=registry.example.com/team/other:1`);
    const first = await record.change(APP);
    expect(await nextChange(client)).toEqual({ reference: APP.toString(), sequence: first });
    await record.scanned({
      registry: 'registry.example.com',
      repository: 'team/app',
      finishedAt: '2026-11-22T10:00:00.000Z',
      succeeded: true,
      changes: 1,
      error: null,
      failures: [],
    });
    expect(await client.next()).toMatchObject({ event: 'scan', data: { repository: 'team/app' } });
    await postgres.kill();
    const away = await get('/api/v1/tags');
    expect(away.status).toBe(503);
    expect((await get('/readyz')).status).toBe(503);
    expect((await get('/healthz')).status).toBe(200);
    await postgres.restart();
    const changes: number[] = [];
    await until(async () => {
      // Whatever was cut off is written anew, as the projector would.
      try {
        changes.push(await record.change(APP));
        return true;
      } catch {
        return false;
      }
    });
    for (const sequence of changes) expect((await nextChange(client)).sequence).toBe(sequence);
    const missed = await record.change(APP);
    await nextChange(client);
    client.close();
    other.close();
    const later = await record.change(APP);
    const again = await readEvents(`${api.url}/api/v1/events`, { 'last-event-id': String(missed) });
    expect((await nextChange(again)).sequence).toBe(later);
    again.close();
    const page = changePageSchema.parse(await (await get(`/api/v1/tags/${APP.toString()}/changes`)).json());
    expect(page.items[0]?.sequence).toBe(later);
    const lines = (await (await get('/api/v1/export/changes.ndjson')).text()).trimEnd().split('\n');
    expect(lines).toHaveLength(page.total ?? 0);
  }, 60_000);

  it('goes on reading while NATS is away, says so, and recovers', async () => {
    const before = statusSchema.parse(await (await get('/api/v1/status')).json());
    expect(before.projection.lag).toBeGreaterThan(0);
    await nats.kill();
    const degraded = await get('/readyz');
    expect(degraded.status).toBe(200);
    expect(await degraded.json()).toMatchObject({ status: 'degraded', checks: { postgres: 'ok' } });
    const status = statusSchema.parse(await (await get('/api/v1/status')).json());
    expect(status.projection.lag).toBeNull();
    expect((await get(`/api/v1/tags/${APP.toString()}`)).status).toBe(200);
    const tracked = await post('/api/v1/tags', { references: ['registry.example.com/team/third:1'] });
    expect(trackResponseSchema.parse(await tracked.json()).results[0]).toMatchObject({ outcome: 'unreachable' });
    await nats.restart();
    await until(async () => (await (await get('/readyz')).text()).includes('"ok","checks"'));
    expect(statusSchema.parse(await (await get('/api/v1/status')).json()).projection.lag).not.toBeNull();
  }, 60_000);
});
