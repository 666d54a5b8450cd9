import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { RepositoryName } from '@dtm/oci';
import { startNats, type RunningNats } from '@dtm/testing';
import { useTracer, type SpanOptions, type TraceContext } from '@dtm/tracing';
import { logScan, SchedulerUnderTest, track } from '../testing/scheduler-under-test.ts';

const HOUR = 3_600_000;
const NAME = RepositoryName.of('registry.example', 'team/app');

function trace(id: number): TraceContext {
  return { traceparent: `00-${String(id).padStart(32, '0')}-00f067aa0ba902b7-01` };
}

describe('the trace of a request for a scan', () => {
  let nats: RunningNats;
  let scheduler: SchedulerUnderTest;
  /** Where whoever acts is in a trace. */
  let within: TraceContext | null = null;
  let requests: { options: SpanOptions; discarded: boolean }[] = [];

  beforeAll(async () => {
    nats = await startNats();
    scheduler = await SchedulerUnderTest.start(nats.url, {
      intervalMs: HOUR,
      rareIntervalMs: 24 * HOUR,
      quietAfterMs: 24 * HOUR,
    });
    const nothing = (): void => undefined;
    useTracer({
      span(name, options, work) {
        const told = { options, discarded: false };
        if (name === 'request scan') requests.push(told);
        return work({ set: nothing, rename: nothing, fail: nothing, discard: () => (told.discarded = true) });
      },
      note: nothing,
      context: () => within,
    });
  });
  afterAll(async () => {
    await scheduler.stop();
    await nats.stop();
  });
  afterEach(() => {
    within = null;
    requests = [];
  });
  afterAll(() => useTracer(null));

  it('is that of the person who tracked a tag, of the one who asked, or its own', async () => {
    const now = new Date();
    within = trace(1);
    await track(scheduler.nc, NAME, 'a');
    within = null;
    await scheduler.look(now, NAME);
    expect(requests).toMatchObject([{ options: { kind: 'producer', parent: trace(1) }, discarded: false }]);
    await logScan(scheduler.nc, NAME, now);
    await Promise.all([scheduler.trackingTail.catchUp(), scheduler.pastTail.catchUp()]);

    within = trace(2);
    const askedAt = new Date(now.getTime() + 1);
    expect(scheduler.schedule.askNow(NAME, askedAt)).toBe(true);
    within = null;
    await scheduler.look(askedAt, NAME);
    // The first request lies in the queue still: the second is refused, and told of only once it is taken.
    expect(requests.slice(1)).toMatchObject([{ options: { parent: trace(2) }, discarded: true }]);
    await logScan(scheduler.nc, NAME, askedAt, { reason: 'person' });

    await scheduler.look(new Date(now.getTime() + 2 * HOUR), NAME);
    expect(requests.slice(2)).toMatchObject([{ options: { parent: null, attributes: { 'dtm.reason': 'catch-up' } } }]);
  });
});
