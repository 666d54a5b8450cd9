import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { LocalThrottle } from './local-throttle.ts';

describe('LocalThrottle', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  const counting = (throttle: LocalThrottle, registry: string, count: number): { passed: number } => {
    const state = { passed: 0 };
    for (let i = 0; i < count; i++) void throttle.acquire(registry).then(() => state.passed++);
    return state;
  };

  it('lets a burst pass, then so many a second, for each registry by itself', async () => {
    const throttle = new LocalThrottle({ requestsPerSecond: 10 });
    const a = counting(throttle, 'a.example.com', 35);
    await jest.advanceTimersByTimeAsync(0);
    expect(a.passed).toBe(10);
    const b = counting(throttle, 'b.example.com', 5);
    await jest.advanceTimersByTimeAsync(1050);
    expect(a.passed).toBe(20);
    expect(b.passed).toBe(5);
    await jest.advanceTimersByTimeAsync(2000);
    expect(a.passed).toBe(35);
  });

  it('halts one registry until the time named', async () => {
    const throttle = new LocalThrottle({ requestsPerSecond: 10 });
    const until = new Date(Date.now() + 60_000);
    await throttle.halt('a.example.com', until, 'it answered 429');
    await throttle.halt('a.example.com', new Date(Date.now() + 1000), 'a shorter one');
    await expect(throttle.acquire('a.example.com')).rejects.toMatchObject({
      code: 'throttled',
      retryAt: until,
      requests: 0,
    });
    await throttle.acquire('b.example.com');
    await jest.advanceTimersByTimeAsync(60_000);
    await throttle.acquire('a.example.com');
  });

  it('rejects those that wait when the registry is halted', async () => {
    const throttle = new LocalThrottle({ requestsPerSecond: 1 });
    await throttle.acquire('a.example.com');
    const waiting = throttle.acquire('a.example.com');
    const rejected = expect(waiting).rejects.toMatchObject({ code: 'throttled' });
    await throttle.halt('a.example.com', new Date(Date.now() + 60_000), 'it answered 429');
    await rejected;
  });

  it('gives up waiting when the signal is aborted, and spends nothing on it', async () => {
    const throttle = new LocalThrottle({ requestsPerSecond: 1 });
    await throttle.acquire('a.example.com');
    const abort = new AbortController();
    const rejected = expect(throttle.acquire('a.example.com', abort.signal)).rejects.toThrow('enough');
    const next = counting(throttle, 'a.example.com', 1);
    abort.abort(new Error('enough'));
    await rejected;
    await jest.advanceTimersByTimeAsync(1050);
    expect(next.passed).toBe(1);
    await expect(throttle.acquire('a.example.com', abort.signal)).rejects.toThrow('enough');
  });

  it('does not take a rate of nothing', () => {
    expect(() => new LocalThrottle({ requestsPerSecond: 0 })).toThrow('above 0');
  });
});
