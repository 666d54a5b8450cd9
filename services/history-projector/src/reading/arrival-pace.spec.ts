import { describe, expect, it } from '@jest/globals';
import { ArrivalPace } from './arrival-pace.ts';

const LINGER = { lingerMs: 20, busyLingerMs: 500, unchangedLingerMs: 1_000 };

/** A pace that has heard a message every so many ms, the last at 10,000. */
function paceOf(everyMs: number): ArrivalPace {
  const pace = new ArrivalPace(LINGER);
  for (let at = 0; at <= 10_000; at += everyMs) pace.arrived(at);
  return pace;
}

describe('ArrivalPace', () => {
  it('has a message that comes alone wait only a moment', () => {
    const pace = new ArrivalPace(LINGER);
    pace.arrived(1_000);
    expect(pace.waitsUntil(1_000, true)).toBe(1_020);
    pace.arrived(3_000);
    expect(pace.waitsUntil(3_000, false)).toBe(3_020);
  });

  it('forgets what was before a silence', () => {
    const pace = paceOf(1);
    pace.arrived(20_000);
    expect(pace.waitsUntil(20_000, true)).toBe(20_020);
  });

  it('ends a batch soon after the burst has ended', () => {
    expect(paceOf(1).waitsUntil(9_990, true)).toBe(10_060);
    expect(paceOf(10).waitsUntil(9_990, true)).toBe(10_080);
    expect(paceOf(50).waitsUntil(9_990, true)).toBe(10_100);
    expect(paceOf(50).waitsUntil(9_990, false)).toBe(10_500);
  });

  it('bounds a batch where messages do not cease', () => {
    expect(paceOf(1).waitsUntil(9_510, true)).toBe(10_010);
    expect(paceOf(1).waitsUntil(9_010, false)).toBe(10_010);
  });

  it('gathers scans that come one by one from the second on', () => {
    const pace = new ArrivalPace(LINGER);
    pace.arrived(5_000);
    pace.arrived(5_060);
    expect(pace.waitsUntil(5_060, false)).toBe(5_560);
    expect(pace.waitsUntil(5_060, true)).toBe(5_160);
  });

  it('takes clumps with short gaps between them for one stream of scans', () => {
    const pace = new ArrivalPace(LINGER);
    for (let clump = 0; clump < 20; clump++) for (let i = 0; i < 8; i++) pace.arrived(5_000 + clump * 400 + i);
    expect(pace.waitsUntil(12_600, false)).toBeGreaterThan(13_000);
  });

  it('takes a sudden burst for one', () => {
    const pace = new ArrivalPace(LINGER);
    for (let i = 0; i < 50; i++) pace.arrived(5_000);
    expect(pace.waitsUntil(5_000, true)).toBeGreaterThan(5_020);
  });
});
