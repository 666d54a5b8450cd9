import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeTracking, SUBJECTS, TRACKED_BY, type TrackedBy } from '@dtm/events';
import type { Reference } from '@dtm/oci';
import { startNats, type RunningNats } from '@dtm/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { Appender } from './append.ts';
import { connectNats } from './connection.ts';
import { reference } from './testing/sample-data.ts';
import { ensureStreams, STREAMS, streamState } from './streams.ts';
import { TrackingLog } from './tracking-log.ts';

const AUTOMATIC: readonly TrackedBy[] = ['popular', 'new-tag', 'import', 'view'];

let nats: RunningNats;
let nc: NatsConnection;
let api: TrackingLog;
let scheduler: TrackingLog;
let tags = 0;
let tag: Reference;

beforeAll(async () => {
  nats = await startNats();
  nc = await connectNats({ url: nats.url, name: 'spec' });
  await ensureStreams(nc);
  api = new TrackingLog(nc, '/docker-tag-monitor/api');
  scheduler = new TrackingLog(nc, '/docker-tag-monitor/scheduler');
});

beforeEach(() => {
  tag = reference(`app:${++tags}`);
});

afterAll(async () => {
  await nc.close();
  await nats.stop();
});

async function events(): Promise<number> {
  return (await streamState(nc, STREAMS.tracking)).lastSequence;
}

describe('TrackingLog', () => {
  it.each(TRACKED_BY)('tracks what %s asks for first, once', async (by) => {
    const before = await events();
    expect(await api.track(tag, by)).toBe('tracked');
    expect(await api.track(tag, 'person')).toBe('already-tracked');
    expect(await scheduler.track(tag, 'popular')).toBe('already-tracked');
    expect(await events()).toBe(before + 1);
  });

  it('writes events that say who and when, chained by their ids', async () => {
    const at = new Date('2026-11-22T12:00:00.000Z');
    const last = new Appender(nc, STREAMS.tracking);
    await api.track(tag, 'person', at);
    const tracked = await last.last(SUBJECTS.tracking(tag));
    if (tracked === null) throw new Error('nothing was stored');
    const { registry, repository } = tag;
    expect(decodeTracking(tracked.data)).toEqual({
      specversion: '1.0',
      id: `${tag.toString()}@0`,
      source: '/docker-tag-monitor/api',
      type: 'dockertagmonitor.TagTracked.v1',
      subject: tag.toString(),
      time: at.toISOString(),
      datacontenttype: 'application/json',
      data: { registry, repository, tag: tag.tag, trackedAt: at.toISOString(), by: 'person' },
    });
    await scheduler.untrack(tag, 'expiry', at);
    const untracked = await last.last(SUBJECTS.tracking(tag));
    if (untracked === null) throw new Error('nothing was stored');
    expect(decodeTracking(untracked.data)).toMatchObject({
      id: `${tag.toString()}@${tracked.sequence}`,
      source: '/docker-tag-monitor/scheduler',
      data: { untrackedAt: at.toISOString(), by: 'expiry' },
    });
  });

  it.each(AUTOMATIC)('never lets %s override a person who untracked', async (by) => {
    await api.track(tag, 'person');
    expect(await api.untrack(tag, 'person')).toBe('untracked');
    const before = await events();
    expect(await scheduler.track(tag, by)).toBe('kept-untracked');
    expect(await events()).toBe(before);
    expect(await api.track(tag, 'person')).toBe('tracked');
  });

  it.each([
    ['person', 'tracked'],
    ['view', 'tracked'],
    ['import', 'tracked'],
    ['popular', 'kept-untracked'],
    ['new-tag', 'kept-untracked'],
  ] as const)('answers %s after expiry with %s', async (by, outcome) => {
    await api.track(tag, 'popular');
    await scheduler.untrack(tag, 'expiry');
    expect(await scheduler.track(tag, by)).toBe(outcome);
  });

  it('lets a person end what expired, once, so that no look revives it', async () => {
    await api.track(tag, 'person');
    await scheduler.untrack(tag, 'expiry');
    expect(await scheduler.untrack(tag, 'expiry')).toBe('not-tracked');
    expect(await api.untrack(tag, 'person')).toBe('untracked');
    expect(await api.untrack(tag, 'person')).toBe('not-tracked');
    expect(await api.track(tag, 'view')).toBe('kept-untracked');
    expect(await api.track(tag, 'person')).toBe('tracked');
  });

  it('ends what is tracked, once, and nothing else', async () => {
    expect(await api.untrack(tag, 'person')).toBe('not-tracked');
    await api.track(tag, 'person');
    expect(await api.untrack(tag, 'person')).toBe('untracked');
    const before = await events();
    expect(await scheduler.untrack(tag, 'expiry')).toBe('not-tracked');
    expect(await events()).toBe(before);
  });

  it('stores one event where many ask for the same at the same moment', async () => {
    const at = new Date();
    const before = await events();
    const asked = [api, scheduler, api, scheduler, api, scheduler, api, scheduler];
    const outcomes = await Promise.all(asked.map(async (log) => log.track(tag, 'person', at)));
    expect(outcomes.toSorted()).toEqual([...Array<string>(7).fill('already-tracked'), 'tracked']);
    expect(await events()).toBe(before + 1);
    const ends = await Promise.all(asked.map(async (log) => log.untrack(tag, 'person', at)));
    expect(ends.toSorted()).toEqual([...Array<string>(7).fill('not-tracked'), 'untracked']);
    expect(await events()).toBe(before + 2);
  });
});
