import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectNats, ensureStreams, TrackingLog, TrackingTail, ViewLog, type NatsConnection } from '@dtm/jetstream';
import { Reference, RepositoryName } from '@dtm/oci';
import { startNats, type RunningNats } from '@dtm/testing';
import { Expiry } from './expiry.ts';

const DAY = 86_400_000;

describe('Expiry', () => {
  let nats: RunningNats;
  let nc: NatsConnection;
  let trackingTail: TrackingTail;
  let trackingLog: TrackingLog;
  let views: ViewLog;
  let expiry: Expiry;
  const never = new AbortController().signal;
  // The bucket of views is made when the test begins, and counts as looked at then.
  const now = new Date(Date.now() + 100 * DAY);
  const ago = (days: number): Date => new Date(now.getTime() - days * DAY);
  const name = RepositoryName.of('registry.example', 'team/app');
  beforeAll(async () => {
    nats = await startNats();
    nc = await connectNats({ url: nats.url, name: 'expiry' });
    await ensureStreams(nc);
    trackingTail = new TrackingTail(nc, (message) => {
      throw new Error(`message ${message.sequence} cannot be read`);
    });
    await trackingTail.start();
    trackingLog = new TrackingLog(nc, '/docker-tag-monitor/scheduler');
    views = await ViewLog.open(nc);
    expiry = new Expiry({ trackingTail, trackingLog, views, maxUnseenMs: 30 * DAY });
  });
  afterAll(async () => {
    await trackingTail.stop();
    await nc.close();
    await nats.stop();
  });

  async function expire(): Promise<number> {
    await trackingTail.catchUp();
    const expired = await expiry.expireUnseen(now, never);
    await trackingTail.catchUp();
    return expired;
  }
  const isTracked = (reference: Reference): boolean =>
    trackingTail.repository(reference)?.tags.has(reference.tag) === true;

  it('ends what nobody looked at since it was asked for, and nothing else', async () => {
    const [unseen, viewed, forgotten, young] = ['unseen', 'viewed', 'forgotten', 'young'].map((tag) =>
      name.tag(tag),
    ) as [Reference, Reference, Reference, Reference];
    for (const reference of [unseen, viewed, forgotten]) await trackingLog.track(reference, 'person', ago(31));
    await trackingLog.track(young, 'person', ago(29));
    await views.noteView(viewed, ago(1), { ms: DAY });
    await views.noteView(forgotten, ago(30.5), { ms: DAY });
    expect(await expire()).toBe(2);
    expect([unseen, viewed, forgotten, young].map(isTracked)).toEqual([false, true, false, true]);
    expect(trackingTail.endedBy(unseen)).toBe('expiry');
    expect(await expire()).toBe(0);
  });

  it('leaves alone what is untracked already, and counts each tag once beside another scheduler', async () => {
    const [ended, both] = [name.tag('ended'), name.tag('both')];
    await trackingLog.track(ended, 'person', ago(40));
    await trackingLog.untrack(ended, 'person', ago(39));
    await trackingLog.track(both, 'person', ago(40));
    await trackingTail.catchUp();
    const counts = await Promise.all([expiry.expireUnseen(now, never), expiry.expireUnseen(now, never)]);
    expect(counts[0] + counts[1]).toBe(1);
    await trackingTail.catchUp();
    expect(trackingTail.endedBy(ended)).toBe('person');
    expect(trackingTail.endedBy(both)).toBe('expiry');
  });

  it('does not end at once what a look has revived', async () => {
    const reference = name.tag('revived');
    await trackingLog.track(reference, 'person', ago(40));
    expect(await expire()).toBe(1);
    expect(await trackingLog.track(reference, 'view', now)).toBe('tracked');
    expect(await expire()).toBe(0);
    expect(isTracked(reference)).toBe(true);
  });

  it('stops when it is told to', async () => {
    await trackingLog.track(name.tag('stopped'), 'person', ago(40));
    await trackingTail.catchUp();
    const stop = AbortSignal.abort();
    expect(await expiry.expireUnseen(now, stop)).toBe(0);
  });

  it('expires nothing early where the bucket of views is lost', async () => {
    const reference = name.tag('lost-bucket');
    await trackingLog.track(reference, 'person', ago(200));
    await views.noteView(reference, ago(1), { ms: DAY });
    await trackingTail.catchUp();
    const lostAt = Date.now();
    await nc.request('$JS.API.STREAM.DELETE.KV_VIEWS');
    await ensureStreams(nc);
    expect(await expiry.expireUnseen(new Date(lostAt + 30 * DAY), never)).toBe(0);
    await trackingTail.catchUp();
    expect(isTracked(reference)).toBe(true);
    // Nobody has looked since.
    expect(await expiry.expireUnseen(new Date(Date.now() + 31 * DAY), never)).toBeGreaterThan(0);
    await trackingTail.catchUp();
    expect(isTracked(reference)).toBe(false);
  });
});
