import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { CLOCK_TOLERANCE_MS, connectNats, ensureStreams, type NatsConnection } from '@dtm/jetstream';
import { RepositoryName } from '@dtm/oci';
import { startNats, type RunningNats } from '@dtm/testing';
import { logFailure, logScan } from '../testing/scheduler-under-test.ts';
import { ScanPastTail } from './scan-past-tail.ts';

const HOUR = 3_600_000;

describe('ScanPastTail', () => {
  let nats: RunningNats;
  let nc: NatsConnection;
  const tails: ScanPastTail[] = [];
  const unreadable: number[] = [];
  beforeAll(async () => {
    nats = await startNats();
    nc = await connectNats({ url: nats.url, name: 'past' });
    await ensureStreams(nc);
  });
  afterEach(async () => {
    await Promise.all(tails.splice(0).map((tail) => tail.stop()));
    unreadable.length = 0;
  });
  afterAll(async () => {
    await nc.close();
    await nats.stop();
  });

  async function start(): Promise<ScanPastTail> {
    const tail = new ScanPastTail(nc, ({ sequence }) => unreadable.push(sequence));
    tails.push(tail);
    await tail.start();
    return tail;
  }
  const at = (minutes: number): Date => new Date(Date.UTC(2026, 0, 1, 0, minutes));
  const name = RepositoryName.of('registry.example', 'team/app');
  const now = new Date();

  it('knows nothing of a repository that was never scanned', async () => {
    const past = (await start()).past(RepositoryName.of('registry.example', 'team/none'), now);
    expect(past).toEqual({ lastStartedAt: null, lastSucceededAt: null, lastForPersonAt: null, trackingSequence: 0 });
  });

  it('tells success from failure, live and after a restart alike', async () => {
    const live = await start();
    await logScan(nc, name, at(1), { trackingSequence: 3 });
    await logScan(nc, name, at(2), { trackingSequence: 4, reason: 'person' });
    await logFailure(nc, name, at(3), { trackingSequence: 5 });
    await live.catchUp();
    const expected = {
      lastStartedAt: at(3),
      lastSucceededAt: at(2),
      lastForPersonAt: at(2),
      trackingSequence: 5,
    };
    expect(live.past(name, now)).toEqual(expected);
    expect((await start()).past(name, now)).toEqual(expected);
    expect(live.past(name, now)).toBe(live.past(name, now));
  });

  it('takes in late news of an older scan without going back', async () => {
    const tail = await start();
    const other = RepositoryName.of('registry.example', 'team/late');
    await logFailure(nc, other, at(9), { trackingSequence: 9 });
    await logScan(nc, other, at(8), { trackingSequence: 8 });
    await tail.catchUp();
    expect(tail.past(other, now)).toMatchObject({ lastStartedAt: at(9), lastSucceededAt: at(8), trackingSequence: 9 });
  });

  describe('where a scan "began" in the future', () => {
    const ahead = new Date(now.getTime() + 720 * HOUR);
    const fields = ['lastStartedAt', 'lastSucceededAt', 'lastForPersonAt'] as const;

    it('takes it for begun when it was told of, until a clock that is right tells of another', async () => {
      const tail = await start();
      const other = RepositoryName.of('registry.example', 'team/ahead');
      const before = Date.now();
      await logScan(nc, other, ahead, { reason: 'person' });
      await tail.catchUp();
      const later = new Date(before + HOUR);
      const past = tail.past(other, later);
      for (const field of fields) {
        expect(past[field]?.getTime()).toBeGreaterThanOrEqual(before);
        expect(past[field]?.getTime()).toBeLessThanOrEqual(Date.now());
      }
      expect(tail.past(other, later)).toBe(past);
      expect((await start()).past(other, later)).toEqual(past);
      await logFailure(nc, other, later);
      await tail.catchUp();
      const { lastSucceededAt } = past;
      expect(tail.past(other, later)).toMatchObject({ lastStartedAt: later, lastSucceededAt });
    });

    it('takes it for begun now where the clock of the server was ahead, too', async () => {
      const tail = await start();
      const other = RepositoryName.of('registry.example', 'team/all-ahead');
      await logScan(nc, other, ahead, { reason: 'person' });
      await tail.catchUp();
      const setBack = new Date(now.getTime() - 720 * HOUR);
      const past = tail.past(other, setBack);
      for (const field of fields) expect(past[field]).toEqual(setBack);
      expect(tail.past(other, now)).toBe(past);
    });

    it('believes clocks that differ by little', async () => {
      const tail = await start();
      const other = RepositoryName.of('registry.example', 'team/little');
      const little = new Date(now.getTime() + CLOCK_TOLERANCE_MS);
      await logScan(nc, other, little);
      await tail.catchUp();
      expect(tail.past(other, now)).toMatchObject({ lastStartedAt: little, lastSucceededAt: little });
    });
  });

  it('passes over what it cannot read', async () => {
    const tail = await start();
    nc.publish('scan.done.registry=2Eexample.team/broken', 'not an event');
    await logScan(nc, name, at(20));
    await tail.catchUp();
    expect(unreadable).toHaveLength(1);
    expect(tail.past(name, now).lastStartedAt).toEqual(at(20));
  });
});
