import { describe, expect, it } from '@jest/globals';
import { upcast, type Upcaster } from './upcasters.ts';

const chain: ReadonlyMap<string, Upcaster> = new Map<string, Upcaster>([
  ['TagMoved.v1', (data) => ({ type: 'TagMoved.v2', data: { ...(data as object), source: 'head' } })],
  ['TagMoved.v2', (data) => ({ type: 'TagMoved.v3', data: { ...(data as object), previous: null } })],
  ['Renamed.v1', (data) => ({ type: 'TagMoved.v1', data })],
]);

describe('upcast', () => {
  it('lifts an event step by step to its newest version', () => {
    expect(upcast('TagMoved.v1', { tag: '1' }, chain)).toEqual({
      type: 'TagMoved.v3',
      data: { tag: '1', source: 'head', previous: null },
    });
  });

  it('starts in the middle of the chain, and follows a change of name', () => {
    expect(upcast('TagMoved.v2', { tag: '1' }, chain)).toEqual({
      type: 'TagMoved.v3',
      data: { tag: '1', previous: null },
    });
    expect(upcast('Renamed.v1', { tag: '1' }, chain).type).toBe('TagMoved.v3');
  });

  it('leaves the newest version, and what it does not know, untouched', () => {
    const data = { tag: '1' };
    expect(upcast('TagMoved.v3', data, chain)).toEqual({ type: 'TagMoved.v3', data });
    expect(upcast('TagMoved.v3', data, chain).data).toBe(data);
    expect(upcast('Other.v1', data, chain).data).toBe(data);
    expect(upcast('dockertagmonitor.DigestObserved.v1', data).data).toBe(data);
  });

  it('says so where upcasters run in a circle, rather than hang', () => {
    const circle = new Map<string, Upcaster>([
      ['A', (data) => ({ type: 'B', data })],
      ['B', (data) => ({ type: 'A', data })],
    ]);
    expect(() => upcast('A', {}, circle)).toThrow('the upcasters of A run in a circle');
  });
});
