import { describe, expect, it } from '@jest/globals';
import type { Message } from './delivery.ts';
import { KnownPaces, knownRequestsPerSecond } from './known-paces.ts';

const message = (purpose: Message['purpose']): Message => ({
  purpose,
  method: 'GET',
  path: '/',
  headers: [],
  maxBody: 1,
});

describe('known paces', () => {
  it('let through at once what nothing is known of', async () => {
    const paces = new KnownPaces();
    for (let i = 0; i < 1000; i++) {
      await paces.wait('registry.example.com', message('api'), undefined);
      await paces.wait('quay.io', message('manifest'), undefined);
    }
  });

  it.each<[string, Message['purpose'], number]>([
    ['public.ecr.aws', 'manifest', 1],
    ['public.ecr.aws', 'api', 1],
    ['docker.io', 'api', 10],
    ['quay.io', 'tags', 2],
  ])('hold %s back after the first requests of kind %s', async (registry, purpose, burst) => {
    const paces = new KnownPaces();
    for (let i = 0; i < burst; i++) await paces.wait(registry, message(purpose), undefined);
    const abort = new AbortController();
    const next = paces.wait(registry, message(purpose), abort.signal);
    abort.abort(new Error('held back'));
    await expect(next).rejects.toThrow('held back');
  });

  it('tell what a registry allows as a whole', () => {
    expect(knownRequestsPerSecond('public.ecr.aws')).toBe(0.9);
    expect(knownRequestsPerSecond('docker.io')).toBeNull();
  });
});
