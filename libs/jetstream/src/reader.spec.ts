import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startNats, type RunningNats } from '@dtm/testing';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { Appender } from './append.ts';
import { connectNats } from './connection.ts';
import { readStream, type ReadOptions, type StoredMessage } from './reader.ts';
import { until } from './testing/sample-data.ts';
import { ensureStreams, STREAMS, streamState } from './streams.ts';

let nats: RunningNats;
let nc: NatsConnection;
let round = 0;
let prefix: string;

beforeAll(async () => {
  nats = await startNats();
  nc = await connectNats({ url: nats.url, name: 'spec' });
  await ensureStreams(nc);
});

beforeEach(() => {
  prefix = `history.r.reader-${++round}`;
});

afterAll(async () => {
  await nc.close();
  await nats.stop();
});

const text = (message: StoredMessage): string => new TextDecoder().decode(message.data);

async function publish(subject: string, ...texts: string[]): Promise<number> {
  let last = 0;
  for (const one of texts) last = (await jetstream(nc).publish(subject, one)).seq;
  return last;
}

/** Reads until so many have come. */
async function take(count: number, options: Partial<ReadOptions> = {}): Promise<StoredMessage[]> {
  const taken: StoredMessage[] = [];
  const { signal } = new AbortController();
  for await (const message of readStream(nc, { stream: STREAMS.history, after: 0, signal, ...options })) {
    taken.push(message);
    if (taken.length === count) break;
  }
  return taken;
}

describe('readStream', () => {
  it('reads from the beginning, in order, with subject, bytes and time', async () => {
    await publish(`${prefix}.a`, '1', '2');
    await publish(`${prefix}.b`, '3');
    const messages = await take(3, { filter: `${prefix}.>` });
    expect(messages.map(text)).toEqual(['1', '2', '3']);
    expect(messages.map((message) => message.subject)).toEqual([`${prefix}.a`, `${prefix}.a`, `${prefix}.b`]);
    const [first, , last] = messages;
    expect(last?.sequence).toBe((first?.sequence ?? 0) + 2);
    expect(Math.abs(Date.now() - (first?.storedAt.getTime() ?? 0))).toBeLessThan(3600_000);
  });

  it('goes on after a checkpoint, and with what is appended later', async () => {
    const checkpoint = await publish(`${prefix}.a`, '1', '2');
    const reading = take(4, { after: checkpoint });
    await publish(`${prefix}.a`, '3', '4');
    await publish(`${prefix}.b`, '5');
    await publish(`${prefix}.a`, '6');
    const messages = await reading;
    expect(messages.map(text)).toEqual(['3', '4', '5', '6']);
    expect(messages.map((message) => message.sequence)).toEqual([1, 2, 3, 4].map((n) => checkpoint + n));
  });

  it('begins with the last message of each subject where that is asked for', async () => {
    await publish(`${prefix}.a`, '1');
    await publish(`${prefix}.b`, '2', '3');
    await publish(`${prefix}.a`, '4');
    const texts: string[] = [];
    const { signal } = new AbortController();
    const options = { stream: STREAMS.history, after: 0, filter: `${prefix}.*`, lastOfEachSubject: true, signal };
    for await (const message of readStream(nc, options)) {
      texts.push(text(message));
      if (texts.length === 2) await publish(`${prefix}.b`, '5', '6');
      if (texts.at(-1) === '6') break;
    }
    expect(texts).toEqual(['3', '4', '5', '6']);
  });

  it('reads more than it asks for at once', async () => {
    const js = jetstream(nc);
    await Promise.all(Array.from({ length: 1_000 }, async (_, i) => js.publish(`${prefix}.${i}`, `${i}`)));
    const messages = await take(1_000, { filter: `${prefix}.>`, batch: 50 });
    expect(new Set(messages.map(text)).size).toBe(1_000);
    expectAscending(messages);
  });

  it('waits at a stream with nothing in it, and ends at once when it is told to', async () => {
    const end = new AbortController();
    const reading = (async () => {
      for await (const message of readStream(nc, { stream: STREAMS.scanLog, after: 0, signal: end.signal })) {
        throw new Error(`it holds ${message.subject}`);
      }
    })();
    await jetstream(nc).publish(`${prefix}.a`, 'elsewhere');
    end.abort();
    await reading;
  });

  it('ends at once where it was told to before, in the middle, and while nothing comes', async () => {
    await publish(`${prefix}.a`, '1', '2', '3');
    const ended = AbortSignal.abort();
    for await (const message of readStream(nc, { stream: STREAMS.history, after: 0, signal: ended })) {
      throw new Error(`it read ${message.subject}`);
    }
    const end = new AbortController();
    const texts: string[] = [];
    const options = { stream: STREAMS.history, after: 0, filter: `${prefix}.a`, signal: end.signal };
    for await (const message of readStream(nc, options)) {
      texts.push(text(message));
      if (texts.length === 2) end.abort();
    }
    expect(texts).toEqual(['1', '2']);
  });

  it('throws and names the stream where there is none', async () => {
    await expect(take(1, { stream: 'NOWHERE' })).rejects.toThrow('NOWHERE');
  });

  it('ends when the connection is closed', async () => {
    const other = await connectNats({ url: nats.url, name: 'other' });
    const { signal } = new AbortController();
    const reading = (async () => {
      for await (const message of readStream(other, { stream: STREAMS.scanLog, after: 0, signal })) {
        throw new Error(`it holds ${message.subject}`);
      }
    })();
    await other.flush();
    await other.close();
    await reading;
  });

  it('leaves no gap and no duplicate while the server is killed and a writer goes on', async () => {
    const { lastSequence } = await streamState(nc, STREAMS.history);
    const read: StoredMessage[] = [];
    const end = new AbortController();
    const reading = (async () => {
      const options = { stream: STREAMS.history, after: lastSequence, signal: end.signal, batch: 10 };
      for await (const message of readStream(nc, options)) read.push(message);
    })();
    const appender = new Appender(nc, STREAMS.history, { ackTimeoutMs: 400 });
    let written = 0;
    let ended = false;
    const writing = (async () => {
      for (let last = 0; !ended; written++) {
        const result = await appender.append(`${prefix}.a`, new TextEncoder().encode(`${written}`), last);
        if (result.outcome !== 'appended') throw new Error('there is one writer only');
        last = result.sequence;
      }
    })();
    for (let kill = 0; kill < 3; kill++) {
      const target = read.length + 50;
      while (read.length < target) await new Promise((resolve) => setTimeout(resolve, 5));
      await nats.kill('SIGKILL');
      await nats.restart();
    }
    const target = read.length + 50;
    while (read.length < target) await new Promise((resolve) => setTimeout(resolve, 5));
    ended = true;
    await writing;
    while (read.length < written) await new Promise((resolve) => setTimeout(resolve, 5));
    end.abort();
    await reading;
    expect(read.map(text)).toEqual(Array.from({ length: written }, (_, i) => `${i}`));
    expect(read.map(({ sequence }) => sequence)).toEqual(read.map((_, i) => lastSequence + 1 + i));
  });

  it('survives a kill of the server in the middle of the last messages of each subject', async () => {
    const js = jetstream(nc);
    const count = 3_000;
    await Promise.all(Array.from({ length: count }, async (_, i) => js.publish(`${prefix}.${i}`, `${i}`)));
    await publish(`${prefix}.0`, 'newest');
    const read: StoredMessage[] = [];
    const { signal } = new AbortController();
    const options = { stream: STREAMS.history, after: 0, filter: `${prefix}.>`, lastOfEachSubject: true, signal };
    for await (const message of readStream(nc, { ...options, batch: 100 })) {
      read.push(message);
      if (read.length === 500) {
        await nats.kill('SIGKILL');
        await nats.restart();
      }
      if (text(message) === 'newest') break;
    }
    expectAscending(read);
    const subjects = new Map(read.map((message) => [message.subject, text(message)]));
    expect(subjects.size).toBe(count);
    expect(subjects.get(`${prefix}.0`)).toBe('newest');
  });

  it('ends at once while the server is away, also before it could begin', async () => {
    const end = new AbortController();
    const begun = take(1_000_000, { signal: end.signal });
    await nats.kill('SIGKILL');
    const early = new AbortController();
    const beginning = take(1, { signal: early.signal });
    end.abort();
    early.abort();
    await Promise.all([begun, beginning]);
    await nats.restart();
    await until(() =>
      nc.flush().then(
        () => true,
        () => false,
      ),
    );
  });

  it('throws where the stream is deleted while it reads', async () => {
    const jsm = await jetstreamManager(nc);
    await jsm.streams.add({ name: 'PASSING', subjects: ['passing.>'] });
    await jetstream(nc).publish('passing.a', '1');
    const { signal } = new AbortController();
    const reading = (async () => {
      for await (const message of readStream(nc, { stream: 'PASSING', after: 0, signal })) {
        if (message.sequence === 1) await jsm.streams.delete('PASSING');
      }
    })();
    await expect(reading).rejects.toThrow('PASSING');
  });
});

function expectAscending(messages: readonly StoredMessage[]): void {
  const sequences = messages.map((message) => message.sequence);
  expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b));
}
