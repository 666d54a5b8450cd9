import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ensureStreams, storeUse } from '@dtm/jetstream';
import { RepositoryName } from '@dtm/oci';
import { Metrics } from '@dtm/service-host';
import { startNats, type RunningNats } from '@dtm/testing';
import type { Cadence } from './schedule/next-scan.ts';
import { SchedulerMetrics } from './scheduler-metrics.ts';
import { logFailure, logScan, SchedulerUnderTest, track } from './testing/scheduler-under-test.ts';

const CADENCE: Cadence = { intervalMs: 7_200_000, rareIntervalMs: 604_800_000, quietAfterMs: 1_000_000_000 };
const NGINX = RepositoryName.of('docker.io', 'library/nginx');
const APP = RepositoryName.of('ghcr.io', 'org/app');
const AT = new Date('2026-11-22T12:00:00.000Z');

describe('SchedulerMetrics', () => {
  let nats: RunningNats;
  let scheduler: SchedulerUnderTest;
  let metrics: Metrics;

  beforeAll(async () => {
    nats = await startNats();
    scheduler = await SchedulerUnderTest.start(nats.url, CADENCE);
    await ensureStreams(scheduler.nc);
    metrics = new Metrics();
    const { nc, trackingTail, pastTail } = scheduler;
    new SchedulerMetrics(metrics, nc, trackingTail, pastTail, CADENCE);
  });
  afterAll(async () => {
    await scheduler.stop();
    await nats.stop();
  });

  async function told(of = metrics): Promise<string[]> {
    const text = await of.metrics();
    return text.split('\n').filter((line) => line.startsWith('dtm_'));
  }

  it('tells what is tracked, when it was last scanned, what waits, and what is stored', async () => {
    await track(scheduler.nc, NGINX, '1.26', '1.27');
    await track(scheduler.nc, APP, 'v1');
    await logScan(scheduler.nc, NGINX, AT);
    await logFailure(scheduler.nc, APP, AT);
    await scheduler.look(new Date(AT.getTime() + CADENCE.intervalMs), NGINX);
    const lines = await told();
    const { streams, usedBytes } = await storeUse(scheduler.nc);
    expect(lines).toEqual(
      expect.arrayContaining([
        'dtm_scan_interval_seconds 7200',
        'dtm_tracked_repositories{registry="docker.io"} 1',
        'dtm_tracked_repositories{registry="ghcr.io"} 1',
        'dtm_tracked_tags{registry="docker.io"} 2',
        'dtm_tracked_tags{registry="ghcr.io"} 1',
        `dtm_last_scan_timestamp_seconds{registry="docker.io"} ${AT.getTime() / 1000}`,
        'dtm_last_scan_timestamp_seconds{registry="ghcr.io"} 0',
        'dtm_stream_messages{stream="SCANS"} 2',
        'dtm_stream_messages{stream="TRACKING"} 3',
        ...streams.map(({ stream, bytes }) => `dtm_stream_bytes{stream="${stream}"} ${bytes}`),
        `dtm_store_bytes ${usedBytes}`,
        'dtm_store_limit_bytes +Inf',
      ]),
    );
    expect(usedBytes).toBeGreaterThan(0);
  });

  it('goes on telling what it knows itself while the server is away', async () => {
    await nats.kill();
    // One that has no answer of a moment ago.
    const fresh = new Metrics();
    new SchedulerMetrics(fresh, scheduler.nc, scheduler.trackingTail, scheduler.pastTail, CADENCE);
    const lines = await told(fresh);
    expect(lines).toContain('dtm_tracked_tags{registry="docker.io"} 2');
    expect(lines.filter((line) => line.startsWith('dtm_stream_'))).toEqual([]);
    expect(lines).toContain('dtm_store_bytes Nan');
  });
});
