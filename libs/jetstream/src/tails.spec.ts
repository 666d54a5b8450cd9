import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { encode, EVENT_TYPES, hashOf, SUBJECTS } from '@dtm/events';
import { startNats, type RunningNats } from '@dtm/testing';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats } from './connection.ts';
import { HistoryLog } from './history-log.ts';
import { headOf, HistoryTail } from './history-tail.ts';
import type { StoredMessage } from './reader.ts';
import { observed, reference, sampleDigest, until } from './testing/sample-data.ts';
import { ensureStreams, STREAMS } from './streams.ts';
import { Tail } from './tail.ts';
import { TrackingLog } from './tracking-log.ts';
import { TrackingTail } from './tracking-tail.ts';

let nats: RunningNats;
let nc: NatsConnection;

beforeAll(async () => {
  nats = await startNats();
  nc = await connectNats({ url: nats.url, name: 'spec' });
  await ensureStreams(nc);
});

afterAll(async () => {
  await nc.close();
  await nats.stop();
});

class CountingTail extends Tail {
  readonly taken: number[] = [];

  constructor(connection: NatsConnection, stream: string = STREAMS.scanLog) {
    super(connection, stream);
  }

  protected override apply(message: StoredMessage): void {
    this.taken.push(message.sequence);
  }
}

const unexpected = (message: StoredMessage, error: unknown): never => {
  throw new Error(`unreadable: ${message.subject}`, { cause: error });
};

describe('Tail', () => {
  it('is caught up at a stream with nothing in it, and at one whose messages have all expired', async () => {
    const empty = new CountingTail(nc);
    await empty.start();
    expect(empty.sequence).toBe(0);
    await jetstream(nc).publish('scan.done.r.a', 'x');
    await (await jetstreamManager(nc)).streams.purge(STREAMS.scanLog);
    const tail = new CountingTail(nc);
    await tail.start();
    expect(tail.taken).toEqual([]);
    const { seq } = await jetstream(nc).publish('scan.done.r.a', 'y');
    await tail.waitFor(seq);
    expect(tail.taken).toEqual([seq]);
    await Promise.all([empty.stop(), tail.stop()]);
  });

  it('gives up waiting when the signal says so, and when it is stopped', async () => {
    const tail = new CountingTail(nc);
    await tail.start();
    const end = new AbortController();
    const waiting = tail.waitFor(1_000_000, end.signal);
    end.abort();
    await expect(waiting).rejects.toThrow('gave up waiting for sequence 1000000 of SCAN_LOG');
    await expect(tail.waitFor(1_000_000, end.signal)).rejects.toThrow('gave up');
    const untilStopped = expect(tail.waitFor(1_000_000)).rejects.toThrow('was stopped');
    await tail.stop();
    await untilStopped;
    await expect(tail.waitFor(1_000_000)).rejects.toThrow('was stopped');
    expect(tail.failure).toBeNull();
  });

  it('fails for all who wait, and says why, where the connection is closed or the stream is none', async () => {
    const other = await connectNats({ url: nats.url, name: 'other' });
    const tail = new CountingTail(other);
    await tail.start();
    const waiting = expect(tail.waitFor(1_000_000)).rejects.toThrow('the connection is closed');
    await other.close();
    await waiting;
    expect(tail.failure?.message).toContain('the connection is closed');

    const nowhere = new CountingTail(nc, 'NOWHERE');
    await expect(nowhere.start()).rejects.toThrow('stream not found');
    await until(() => nowhere.failure !== null);
    await expect(nowhere.waitFor(1)).rejects.toThrow('NOWHERE');
  });

  describe('whose stream is another one now', () => {
    async function read(name: string, connection = nc): Promise<CountingTail> {
      await (await jetstreamManager(nc)).streams.add({ name, subjects: [`${name}.>`] });
      for (let i = 0; i < 3; i++) await jetstream(nc).publish(`${name}.${i}`, 'x');
      const tail = new CountingTail(connection, name);
      await tail.start();
      expect(tail.taken).toEqual([1, 2, 3]);
      return tail;
    }

    it('fails, also for those who ask for its end, where the stream was made anew', async () => {
      const tail = await read('ANEW');
      const { streams } = await jetstreamManager(nc);
      await streams.delete('ANEW');
      await streams.add({ name: 'ANEW', subjects: ['ANEW.>'] });
      await expect(tail.catchUp()).rejects.toThrow('ANEW');
      await expect(tail.ended).rejects.toThrow('ANEW');
      expect(tail.failure).not.toBeNull();
    });

    it('fails where the stream has lost its end', async () => {
      const other = await connectNats({ url: nats.url, name: 'other' });
      // No server of one node does that at command: its disk would have to lose what it was told to keep.
      let isShorter = false;
      const subscribe = other.subscribe.bind(other);
      other.subscribe = (subject, options = {}) =>
        subscribe(subject, {
          ...options,
          callback: (error, message) => {
            const told = isShorter ? message.string().replace('"last_seq":3', '"last_seq":2') : message.string();
            const data = { value: new TextEncoder().encode(told) };
            void options.callback?.(error, Object.create(message, { data }) as typeof message);
          },
        });
      const tail = await read('SHORTER', other);
      isShorter = true;
      const words = 'the stream SHORTER is not the one that was read: it ends at 2, and 3 was read from it';
      await expect(tail.catchUp()).rejects.toThrow(words);
      await expect(tail.ended).rejects.toThrow(words);
      await expect(tail.waitFor(4)).rejects.toThrow(words);
      await other.close();
    });

    it('resolves its end where it was stopped', async () => {
      const tail = await read('STOPPED');
      await tail.stop();
      await tail.ended;
    });
  });

  it('starts where the server is away at first', async () => {
    const other = await connectNats({ url: nats.url, name: 'other' });
    await nats.kill('SIGKILL');
    const tail = new CountingTail(other);
    const starting = tail.start();
    await nats.restart();
    await starting;
    await tail.stop();
    await other.close();
  });
});

describe('HistoryTail', () => {
  const app = reference('docker.io/library/app:1.0');
  const log = (): HistoryLog => new HistoryLog(nc);

  it('knows the last event of each tag, however it came to be', async () => {
    const tail = new HistoryTail(nc, unexpected);
    const first = await log().recordObserved(observed('app:1.0', 'A', { pushedAt: '2026-11-01T00:00:00.000Z' }));
    await tail.start();
    expect(tail.size).toBe(1);
    const baseline = tail.head(app);
    expect(baseline).toEqual({
      sequence: sequenceOf(first),
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      digest: sampleDigest('A'),
      gone: false,
      observedAt: new Date('2026-11-22T12:00:00.000Z'),
      pushedAt: new Date('2026-11-01T00:00:00.000Z'),
      changedAt: null,
    });
    if (baseline === null) throw new Error('no baseline');

    const previous = {
      digest: baseline.digest,
      lastSeenAt: '2026-11-22T13:00:00.000Z',
      sequence: baseline.sequence,
      hash: baseline.hash,
    };
    const at = '2026-11-22T14:00:00.000Z';
    const second = await log().recordObserved(observed('app:1.0', 'B', { previous, observedAt: at }));
    await tail.waitFor(sequenceOf(second));
    const change = tail.head(app);
    expect(change).toMatchObject({ digest: sampleDigest('B'), gone: false, pushedAt: null, changedAt: new Date(at) });
    if (change === null) throw new Error('no change');

    const { registry, repository, tag } = app;
    const gone = await log().recordDisappeared({
      registry,
      repository,
      tag,
      observedAt: '2026-11-22T16:00:00.000Z',
      previous: { ...previous, digest: change.digest, sequence: change.sequence, hash: change.hash },
    });
    await tail.waitFor(sequenceOf(gone));
    expect(tail.head(app)).toMatchObject({ digest: sampleDigest('B'), gone: true, sequence: sequenceOf(gone) });
    expect(tail.head(reference('app:2.0'))).toBeNull();
    await tail.stop();
  });

  it('reads the hash that the next event carries', async () => {
    const bytes = encode({
      id: 'x',
      source: '/x',
      subject: app.toString(),
      time: '2026-11-22T12:00:00.000Z',
      type: EVENT_TYPES.DigestObserved,
      data: observed('app:1.0', 'A'),
    });
    expect(headOf({ sequence: 5, data: bytes })).toMatchObject({ sequence: 5, hash: hashOf(bytes) });
  });

  it('is caught up beyond imports and unreadable messages, but learns nothing from them', async () => {
    const unreadable: string[] = [];
    const tail = new HistoryTail(nc, (message) => unreadable.push(message.subject));
    await log().recordObserved(observed('seen:1', 'A'));
    const js = jetstream(nc);
    const imported = encode({
      id: 'x',
      source: '/docker-tag-monitor/import/x',
      subject: reference('old:1').toString(),
      time: '2020-01-01T00:00:00.000Z',
      type: EVENT_TYPES.DigestObserved,
      data: observed('old:1', 'A', { source: 'x', observedAt: '2020-01-01T00:00:00.000Z' }),
    });
    await js.publish(SUBJECTS.imported(reference('old:1')), imported);
    await js.publish(SUBJECTS.history(reference('later:1')), '{"type":"dockertagmonitor.DigestObserved.v9"}');
    await js.publish(SUBJECTS.history(reference('seen:1')), 'no JSON');
    const { seq } = await js.publish(SUBJECTS.imported(reference('old:1')), imported);
    await tail.start();
    expect(await tail.catchUp()).toBe(seq);
    expect(tail.sequence).toBe(seq);
    expect(unreadable).toEqual([SUBJECTS.history(reference('later:1')), SUBJECTS.history(reference('seen:1'))]);
    expect(tail.head(reference('old:1'))).toBeNull();
    const next = await log().recordObserved(observed('live:1', 'A'));
    await tail.waitFor(sequenceOf(next));
    expect(tail.head(reference('live:1'))).toMatchObject({ digest: sampleDigest('A') });
    await tail.stop();
  });

  it('goes on after the server was killed', async () => {
    const tail = new HistoryTail(nc, () => undefined);
    await tail.start();
    const before = await log().recordObserved(observed('survivor:1', 'A'));
    await nats.kill('SIGKILL');
    await nats.restart();
    const after = await log().recordObserved(observed('survivor:2', 'B'));
    await tail.waitFor(sequenceOf(after));
    expect(tail.head(reference('survivor:1'))?.sequence).toBe(sequenceOf(before));
    expect(tail.head(reference('survivor:2'))?.sequence).toBe(sequenceOf(after));
    await tail.stop();
  });
});

describe('TrackingTail', () => {
  it('knows what is tracked, who asked, and who ended what no longer is', async () => {
    const log = new TrackingLog(nc, '/docker-tag-monitor/api');
    const at = new Date('2026-11-22T12:00:00.000Z');
    await log.track(reference('app:1'), 'person', at);
    await log.track(reference('app:2'), 'new-tag', at);
    await log.track(reference('ghcr.io/acme/tool:1'), 'popular', at);
    await log.untrack(reference('ghcr.io/acme/tool:1'), 'expiry', at);
    await jetstream(nc).publish('tracking.r.a.1', 'no JSON');

    const changes: string[] = [];
    const unreadable: string[] = [];
    const tail = new TrackingTail(nc, (message) => unreadable.push(message.subject));
    tail.onChange(({ registry, repository, tag, tracked }) =>
      changes.push(`${tracked ? '+' : '-'} ${registry}/${repository}:${tag}`),
    );
    await tail.start();
    expect(unreadable).toEqual(['tracking.r.a.1']);
    expect(changes).toEqual(['+ docker.io/library/app:1', '+ docker.io/library/app:2', '- ghcr.io/acme/tool:1']);
    const repository = tail.repository(reference('app:1').name);
    expect([...(repository?.tags.values() ?? [])]).toEqual([
      { tag: '1', sequence: 1, by: 'person', trackedAt: at.getTime() },
      { tag: '2', sequence: 2, by: 'new-tag', trackedAt: at.getTime() },
    ]);
    expect([...tail.repositories()]).toHaveLength(1);
    expect(tail.repository(reference('ghcr.io/acme/tool:1').name)).toBeNull();
    expect(tail.endedBy(reference('ghcr.io/acme/tool:1'))).toBe('expiry');
    expect(tail.endedBy(reference('app:1'))).toBeNull();
    expect(tail.endedBy(reference('never:1'))).toBeNull();

    await log.untrack(reference('ghcr.io/acme/tool:1'), 'person', at);
    await tail.catchUp();
    expect(tail.endedBy(reference('ghcr.io/acme/tool:1'))).toBe('person');
    expect(tail.repository(reference('ghcr.io/acme/tool:1').name)).toBeNull();

    await log.untrack(reference('app:1'), 'person', at);
    await log.track(reference('ghcr.io/acme/tool:1'), 'person', at);
    await tail.catchUp();
    expect([...(tail.repository(reference('app:1').name)?.tags.keys() ?? [])]).toEqual(['2']);
    expect(tail.endedBy(reference('app:1'))).toBe('person');
    expect(tail.endedBy(reference('ghcr.io/acme/tool:1'))).toBeNull();
    expect(tail.repository(reference('ghcr.io/acme/tool:1').name)?.tags.size).toBe(1);
    await tail.stop();
  });
});

function sequenceOf(result: { outcome: string; sequence?: number }): number {
  if (result.sequence === undefined) throw new Error(`it was a ${result.outcome}`);
  return result.sequence;
}
