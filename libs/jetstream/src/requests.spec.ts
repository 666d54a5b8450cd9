import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startNats, type RunningNats } from '@dtm/testing';
import { JetStreamApiError } from '@nats-io/jetstream';
import { NoRespondersError, RequestError, TimeoutError, type NatsConnection } from '@nats-io/transport-node';
import { connectNats } from './connection.ts';
import { isPassing } from './failures.ts';
import { request, requestJetStream } from './requests.ts';
import { ensureStreams, STREAMS } from './streams.ts';

describe('request', () => {
  let nats: RunningNats;
  let nc: NatsConnection;
  let answering: NatsConnection;
  beforeAll(async () => {
    nats = await startNats();
    nc = await connectNats({ url: nats.url, name: 'asks' });
    answering = await connectNats({ url: nats.url, name: 'answers' });
    await ensureStreams(nc);
  });
  afterAll(async () => {
    await Promise.all([nc.close(), answering.close()]);
    await nats.stop();
  });

  it('gives each its own answer, whatever their order', async () => {
    const held: (() => void)[] = [];
    const subscription = answering.subscribe('echo', {
      callback: (_, message) => void held.push(() => message.respond(message.string().toUpperCase())),
    });
    await answering.flush();
    const words = ['a', 'b', 'c', 'd'];
    const answers = Promise.all(words.map(async (word) => (await request(nc, 'echo', word)).string()));
    while (held.length < words.length) await nc.flush();
    for (const respond of held.reverse()) respond();
    expect(await answers).toEqual(['A', 'B', 'C', 'D']);
    subscription.unsubscribe();
  });

  it('is answered in the inbox that the connection may read', async () => {
    const heard = new Promise<string>((resolve) => {
      answering.subscribe('where', {
        max: 1,
        callback: (_, message) => {
          resolve(message.reply ?? '');
          message.respond();
        },
      });
    });
    await answering.flush();
    await request(nc, 'where');
    expect(await heard).toMatch(/^_INBOX\.asks\./);
  });

  it('rejects where nobody serves the subject, and where nobody answers in time', async () => {
    const nobody = await request(nc, 'nobody').catch((error: unknown) => error);
    expect(nobody).toBeInstanceOf(NoRespondersError);
    const silent = answering.subscribe('silent', { callback: () => undefined });
    await answering.flush();
    const late = await request(nc, 'silent', 'x', { timeoutMs: 50 }).catch((error: unknown) => error);
    expect(late).toBeInstanceOf(TimeoutError);
    expect([nobody, late].every(isPassing)).toBe(true);
    silent.unsubscribe();
  });

  it('rejects with what JetStream refuses', async () => {
    const refused = await requestJetStream(nc, '$JS.API.STREAM.INFO.NOWHERE').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(JetStreamApiError);
    expect(refused).toMatchObject({ message: 'stream not found' });
    const stored = await requestJetStream<{ stream: string }>(nc, 'scan.done.a.b', 'x');
    expect(stored.stream).toBe(STREAMS.scanLog);
  });

  it('rejects where the connection is closed, and all that were open', async () => {
    const other = await connectNats({ url: nats.url, name: 'closes' });
    const silent = answering.subscribe('silent', { callback: () => undefined });
    await answering.flush();
    const asked = request(other, 'silent', 'x', { timeoutMs: 60_000 }).catch((error: unknown) => error);
    await other.close();
    expect(await asked).toBeInstanceOf(RequestError);
    await expect(request(other, 'silent')).rejects.toThrow('closed');
    silent.unsubscribe();
  });

  it('rejects at once, and goes on, where the connection is made anew', async () => {
    const silent = answering.subscribe('silent', { callback: () => undefined });
    await answering.flush();
    const asked = request(nc, 'silent', 'x', { timeoutMs: 60_000 }).catch((error: unknown) => error);
    await nc.flush();
    await nats.kill('SIGKILL');
    await nats.restart();
    expect(await asked).toBeInstanceOf(RequestError);
    const { state } = await requestJetStream<{ state: object }>(nc, `$JS.API.STREAM.INFO.${STREAMS.scanLog}`);
    expect(state).toMatchObject({ last_seq: 1 });
    silent.unsubscribe();
  });
});
