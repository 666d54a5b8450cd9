import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startNats, type RunningNats } from '@dtm/testing';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { Appender, type AppendResult } from './append.ts';
import { connectNats } from './connection.ts';
import { startLossyProxy, type LossyProxy } from './testing/lossy-proxy.ts';
import { readStream } from './reader.ts';
import { ensureStreams, STREAMS } from './streams.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array | undefined): string => new TextDecoder().decode(data);

let nats: RunningNats;
let nc: NatsConnection;
let subjects = 0;
let subject: string;

beforeAll(async () => {
  nats = await startNats();
  nc = await connectNats({ url: nats.url, name: 'spec' });
  await ensureStreams(nc);
});

beforeEach(() => {
  subject = `history.r.append.${++subjects}`;
});

afterAll(async () => {
  await nc.close();
  await nats.stop();
});

/** Everything that the subject holds, in order. */
async function stored(ofSubject: string): Promise<string[]> {
  const texts: string[] = [];
  const last = await new Appender(nc, STREAMS.history).last(ofSubject);
  if (last === null) return texts;
  const { signal } = new AbortController();
  for await (const message of readStream(nc, { stream: STREAMS.history, after: 0, filter: ofSubject, signal })) {
    texts.push(text(message.data));
    if (message.sequence === last.sequence) break;
  }
  return texts;
}

describe('Appender', () => {
  it('appends after the expected event, with the content type of events', async () => {
    const appender = new Appender(nc, STREAMS.history);
    const first = await appender.append(subject, bytes('A'), 0);
    const second = await appender.append(subject, bytes('B'), sequenceOf(first));
    expect(await stored(subject)).toEqual(['A', 'B']);
    const last = await appender.last(subject);
    expect(last).toMatchObject({ sequence: sequenceOf(second), subject });
    const jsm = await jetstreamManager(nc);
    const message = await jsm.streams.getMessage(STREAMS.history, { last_by_subj: subject });
    expect(message?.header.get('content-type')).toBe('application/cloudevents+json');
  });

  it('refuses what was decided against an older event, and names the last one', async () => {
    const appender = new Appender(nc, STREAMS.history);
    const first = sequenceOf(await appender.append(subject, bytes('A'), 0));
    for (const expected of [0, first + 1000]) {
      const result = await appender.append(subject, bytes('B'), expected);
      expect(result).toMatchObject({ outcome: 'conflict', last: { sequence: first, subject } });
      if (result.outcome === 'conflict') expect(text(result.last?.data)).toBe('A');
    }
    expect(await stored(subject)).toEqual(['A']);
  });

  it('refuses to follow an event that is not there', async () => {
    const result = await new Appender(nc, STREAMS.history).append(subject, bytes('B'), 7);
    expect(result).toEqual({ outcome: 'conflict', last: null });
  });

  it('lets one of many win, even where all append the same bytes', async () => {
    const appenders = Array.from({ length: 20 }, () => new Appender(nc, STREAMS.history));
    const results = await Promise.all(appenders.map(async (appender) => appender.append(subject, bytes('A'), 0)));
    expect(results.filter((result) => result.outcome === 'appended')).toHaveLength(1);
    expect(await stored(subject)).toEqual(['A']);
  });

  it('appends to many subjects at once', async () => {
    const appender = new Appender(nc, STREAMS.history);
    const results = await Promise.all(
      Array.from({ length: 500 }, async (_, i) => appender.append(`${subject}-${i}`, bytes(`${i}`), 0)),
    );
    expect(new Set(results.map(sequenceOf)).size).toBe(500);
  });

  it('throws at once, and names the subject, where the server can never store it', async () => {
    const tooLarge = new Uint8Array(2_000_000);
    await expect(new Appender(nc, STREAMS.history).append(subject, tooLarge, 0)).rejects.toThrow(subject);
    expect(await stored(subject)).toEqual([]);
  });

  it('throws where the stream is another than the one that it writes', async () => {
    const appender = new Appender(nc, STREAMS.tracking);
    await expect(appender.append(subject, bytes('A'), 0)).rejects.toThrow(subject);
    expect(await stored(subject)).toEqual([]);
  });
});

describe('Appender behind a connection that loses things', () => {
  let proxy: LossyProxy;
  let lossy: NatsConnection;
  let appender: Appender;

  beforeEach(async () => {
    proxy = await startLossyProxy(nats.port);
    lossy = await connectNats({ url: proxy.url, name: 'lossy' });
    appender = new Appender(lossy, STREAMS.history, { ackTimeoutMs: 700 });
  });

  afterEach(async () => {
    await lossy.close();
    await proxy.close();
  });

  it('recognises its own event behind a lost acknowledgement', async () => {
    const first = sequenceOf(await appender.append(subject, bytes('A'), 0));
    proxy.loseAcknowledgementOf(subject);
    const result = await appender.append(subject, bytes('B'), first);
    expect(proxy.losses).toBe(1);
    expect(result).toEqual({ outcome: 'appended', sequence: (await appender.last(subject))?.sequence });
    expect(await stored(subject)).toEqual(['A', 'B']);
  });

  it('sends again what never arrived', async () => {
    proxy.lose(subject);
    const result = await appender.append(subject, bytes('A'), 0);
    expect(proxy.losses).toBe(1);
    expect(result.outcome).toBe('appended');
    expect(await stored(subject)).toEqual(['A']);
  });

  it('calls it a conflict where another writer came first while it was unsure', async () => {
    proxy.lose(subject);
    const appending = appender.append(subject, bytes('mine'), 0);
    const other = await new Appender(nc, STREAMS.history).append(subject, bytes('other'), 0);
    expect(other.outcome).toBe('appended');
    expect(await appending).toMatchObject({ outcome: 'conflict', last: { sequence: sequenceOf(other) } });
    expect(await stored(subject)).toEqual(['other']);
  });
});

describe('Appender while the server is killed', () => {
  it('stores every event once and in order', async () => {
    const writer = await connectNats({ url: nats.url, name: 'writer' });
    const appender = new Appender(writer, STREAMS.history, { ackTimeoutMs: 400 });
    const lengths = [0, 0, 0, 0];
    let ended = false;
    const write = async (lane: number): Promise<void> => {
      let last = 0;
      while (!ended) {
        const result = await appender.append(`${subject}-${lane}`, bytes(`${lengths[lane]}`), last);
        last = sequenceOf(result);
        lengths[lane] = (lengths[lane] ?? 0) + 1;
      }
    };
    const writing = Promise.all(lengths.map(async (_, lane) => write(lane)));
    for (let kill = 0; kill < 3; kill++) {
      const target = Math.min(...lengths) + 20;
      while (Math.min(...lengths) < target) await new Promise((resolve) => setTimeout(resolve, 5));
      await nats.kill('SIGKILL');
      await nats.restart();
    }
    const target = Math.min(...lengths) + 5;
    while (Math.min(...lengths) < target) await new Promise((resolve) => setTimeout(resolve, 5));
    ended = true;
    await writing;
    await writer.close();
    for (const [lane, length] of lengths.entries()) {
      expect(await stored(`${subject}-${lane}`)).toEqual(Array.from({ length }, (_, i) => `${i}`));
    }
  });

  it('throws where the server stays away; whoever tries next finds the subject as it was', async () => {
    const lost = await connectNats({ url: nats.url, name: 'lost' });
    const appender = new Appender(lost, STREAMS.history, { ackTimeoutMs: 100 });
    await nats.kill('SIGKILL');
    await expect(appender.append(subject, bytes('A'), 0)).rejects.toThrow(`could not append to ${subject}`);
    await nats.restart();
    await lost.close();
    const result = await new Appender(nc, STREAMS.history).append(subject, bytes('B'), 0);
    expect(result.outcome).toBe('appended');
    expect(await stored(subject)).toEqual(['B']);
  });
});

function sequenceOf(result: AppendResult): number {
  if (result.outcome !== 'appended') throw new Error('it was a conflict');
  return result.sequence;
}
