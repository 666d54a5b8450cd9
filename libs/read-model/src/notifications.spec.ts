import { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startPostgres, type RunningPostgres } from '@dtm/testing';
import { Database } from './database.ts';
import { listen } from './notifications.ts';
import { takeLock } from './session-lock.ts';

let postgres: RunningPostgres;
let database: Database;
beforeAll(async () => {
  postgres = await startPostgres();
  database = new Database({ url: postgres.url, name: 'spec' });
});
afterAll(async () => {
  await database.close();
  await postgres.stop();
});

describe('listen', () => {
  it('hears what is committed, and again after its connection was cut', async () => {
    const end = new AbortController();
    let listening = Promise.withResolvers<undefined>();
    let heard = Promise.withResolvers<string>();
    const ended = listen({
      url: postgres.url,
      name: 'listener',
      signal: end.signal,
      onListening: () => listening.resolve(undefined),
      onNotify: (channel, payload) => heard.resolve(`${channel} ${payload}`),
    });
    await listening.promise;
    await database.query(`select pg_notify('history', '7')`);
    expect(await heard.promise).toBe('history 7');
    listening = Promise.withResolvers();
    heard = Promise.withResolvers();
    await database.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'listener'`);
    await listening.promise;
    await database.query(`select pg_notify('scan', '{}')`);
    expect(await heard.promise).toBe('scan {}');
    end.abort();
    await ended;
  });
});

it('notices soon that a silent connection is dead', async () => {
  const keepAlive = jest.spyOn(Socket.prototype, 'setKeepAlive');
  const end = new AbortController();
  const ended = listen({
    url: postgres.url,
    name: 'silent',
    signal: end.signal,
    onListening: () => end.abort(),
    onNotify: () => undefined,
  });
  await ended;
  const delays = keepAlive.mock.calls.map(([, delay]) => delay);
  keepAlive.mockRestore();
  expect(delays).toEqual([30_000]);
});

describe('takeLock', () => {
  const settings = () => ({ url: postgres.url, name: 'lock', subject: 'x', signal: AbortSignal.timeout(20_000) });

  it('is held by one, and free when that one ends', async () => {
    const first = await takeLock(settings());
    const waiting = Promise.withResolvers<undefined>();
    const second = takeLock({ ...settings(), onWaiting: () => waiting.resolve(undefined) });
    await waiting.promise;
    await first?.release();
    const held = await second;
    expect(held?.lost.aborted).toBe(false);
    await held?.release();
  });

  it('tells its holder when it is lost, and waits no longer than it is let', async () => {
    const held = await takeLock(settings());
    const lost = new Promise((resolve) => held?.lost.addEventListener('abort', resolve));
    expect(await takeLock({ ...settings(), signal: AbortSignal.timeout(20) })).toBeNull();
    await database.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lock'`);
    await lost;
  });
});
