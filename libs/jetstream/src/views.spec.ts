import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tagKey } from '@dtm/events';
import { startNats, type RunningNats } from '@dtm/testing';
import { jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats } from './connection.ts';
import { reference } from './testing/sample-data.ts';
import { BUCKETS, ensureStreams, streamState } from './streams.ts';
import { ViewLog } from './views.ts';

const DAY = { ms: 24 * 3600 * 1000 };
const noon = new Date('2026-11-22T12:00:00.000Z');
const later = (ms: number): Date => new Date(noon.getTime() + ms);

let nats: RunningNats;
let nc: NatsConnection;
let views: ViewLog;

beforeAll(async () => {
  nats = await startNats();
  nc = await connectNats({ url: nats.url, name: 'spec' });
  await ensureStreams(nc);
  views = await ViewLog.open(nc);
});

afterAll(async () => {
  await nc.close();
  await nats.stop();
});

describe('ViewLog', () => {
  it('holds nothing at first', async () => {
    expect(await views.all()).toEqual(new Map());
    expect(await views.lastView(reference('app:1'))).toBeNull();
  });

  it('notes a view at most once within the threshold, also one that another api noted', async () => {
    const app = reference('app:1');
    expect(await views.noteView(app, noon, DAY)).toBe(true);
    expect(await views.noteView(app, later(DAY.ms - 1), DAY)).toBe(false);
    const other = await ViewLog.open(nc);
    expect(await other.noteView(app, later(DAY.ms - 1), DAY)).toBe(false);
    expect(await other.noteView(app, later(DAY.ms), DAY)).toBe(true);
    expect(await views.noteView(app, later(DAY.ms + 1), DAY)).toBe(false);
    expect(await views.lastView(app)).toEqual(later(DAY.ms));
  });

  it('costs nothing where the same tag is looked at again', async () => {
    const app = reference('often:1');
    await views.noteView(app, noon, DAY);
    const before = nc.stats().outMsgs;
    for (let i = 0; i < 100; i++) expect(await views.noteView(app, later(i), DAY)).toBe(false);
    expect(nc.stats().outMsgs).toBe(before);
  });

  it('gives all views by canonical reference, and passes over what is none', async () => {
    const bucket = await new Kvm(nc).open(BUCKETS.views);
    const expected = new Map<string, Date>();
    for (let i = 0; i < 500; i++) expected.set(`docker.io/acme/app-${i % 7}:1.${i}`, later(i));
    await Promise.all([...expected].map(async ([text, at]) => bucket.put(tagKey(reference(text)), at.toISOString())));
    await bucket.put('no-reference', noon.toISOString());
    await bucket.put(tagKey(reference('no-time:1')), 'yesterday');
    const deleted = reference('deleted:1');
    await views.noteView(deleted, noon, DAY);
    await bucket.delete(tagKey(deleted));
    expect(await views.lastView(deleted)).toBeNull();
    const all = await views.all();
    for (const other of ['docker.io/library/app:1', 'docker.io/library/often:1']) {
      expect(all.delete(other)).toBe(true);
    }
    expect(all).toEqual(expected);
  });

  it('tells when the bucket was made, also of one that was made anew', async () => {
    const made = (await streamState(nc, `KV_${BUCKETS.views}`)).created;
    expect(await views.madeAt()).toEqual(made);
    await (await jetstreamManager(nc)).streams.delete(`KV_${BUCKETS.views}`);
    await expect(views.madeAt()).rejects.toThrow('stream not found');
    await ensureStreams(nc);
    expect((await views.madeAt()).getTime()).toBeGreaterThan(made.getTime());
    expect(await views.all()).toEqual(new Map());
  });

  it('rejects rather than giving a part of them', async () => {
    const other = await connectNats({ url: nats.url, name: 'other' });
    const log = await ViewLog.open(other);
    const reading = log.all();
    await new Promise(setImmediate);
    await other.close();
    await expect(reading).rejects.toThrow();
  });
});
