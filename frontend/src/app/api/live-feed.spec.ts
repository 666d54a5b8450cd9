import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { DestroyRef } from '@angular/core';
import { TestBed } from '@angular/core/testing';
import type { ChangeMessage } from '@dtm/api-contract';
import { EventStreams } from '../../testing/event-streams.ts';
import { changeMessage } from '../../testing/samples.ts';
import { LiveFeed } from './live-feed.ts';

describe('the live feed', () => {
  let streams: EventStreams;
  let feed: LiveFeed;
  let destroyRef: DestroyRef;

  beforeEach(() => {
    jest.useFakeTimers();
    streams = new EventStreams();
    TestBed.configureTestingModule({ providers: [streams.provider] });
    feed = TestBed.inject(LiveFeed);
    destroyRef = TestBed.inject(DestroyRef);
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('follows one reference, and says that it is live', () => {
    feed.follow({ reference: 'docker.io/library/nginx:1.27' }, destroyRef);
    expect(streams.latest.url).toBe('/api/v1/events?reference=docker.io%2Flibrary%2Fnginx%3A1.27');
    expect(feed.status()).toBe('connecting');
    streams.latest.open();
    expect(feed.status()).toBe('live');
  });

  it('tells changes once, although a resumed stream repeats them', () => {
    const told: number[] = [];
    const changes = (messages: ChangeMessage[]) => told.push(...messages.map(({ change }) => change.sequence));
    feed.follow({ reference: null, changes }, destroyRef);
    streams.latest.open();
    for (const sequence of [1, 2, 2, 1, 3]) streams.latest.send('change', changeMessage({ sequence }));
    jest.advanceTimersByTime(1_000);
    expect(told).toEqual([1, 2, 3]);
  });

  it('tells the first change at once and what follows it together', () => {
    const told: number[][] = [];
    const changes = (messages: ChangeMessage[]) => told.push(messages.map(({ change }) => change.sequence));
    feed.follow({ reference: null, changes }, destroyRef);
    streams.latest.open();
    for (const sequence of [1, 2, 3]) streams.latest.send('change', changeMessage({ sequence }));
    expect(told).toEqual([[1]]);
    jest.advanceTimersByTime(250);
    expect(told).toEqual([[1], [2, 3]]);
    jest.advanceTimersByTime(250);
    streams.latest.send('change', changeMessage({ sequence: 4 }));
    expect(told).toEqual([[1], [2, 3], [4]]);
  });

  it('asks for a fresh look once a lost stream is back, and not at first', () => {
    const resumed = jest.fn();
    feed.follow({ reference: null, resumed }, destroyRef);
    streams.latest.open();
    expect(resumed).not.toHaveBeenCalled();
    streams.latest.break();
    expect(feed.status()).toBe('lost');
    expect(streams.opened).toHaveLength(1);
    streams.latest.open();
    expect(feed.status()).toBe('live');
    expect(resumed).toHaveBeenCalledTimes(1);
  });

  it('opens the stream anew where the browser gave up, waiting longer each time', () => {
    feed.follow({ reference: null }, destroyRef);
    streams.latest.refuse();
    jest.advanceTimersByTime(1_000);
    expect(streams.opened).toHaveLength(2);
    streams.latest.refuse();
    jest.advanceTimersByTime(1_000);
    expect(streams.opened).toHaveLength(2);
    jest.advanceTimersByTime(1_000);
    expect(streams.opened).toHaveLength(3);
    expect(feed.status()).toBe('lost');
    streams.latest.open();
    expect(feed.status()).toBe('live');
  });

  it('shows being offline, and connects again by itself', () => {
    feed.follow({ reference: null }, destroyRef);
    streams.latest.open();
    const before = streams.latest;
    window.dispatchEvent(new Event('offline'));
    expect(feed.status()).toBe('offline');
    expect(before.readyState).toBe(2);
    window.dispatchEvent(new Event('online'));
    streams.latest.open();
    expect(feed.status()).toBe('live');
  });

  describe('in the background', () => {
    let visibility: DocumentVisibilityState;
    const turn = (to: DocumentVisibilityState): void => {
      visibility = to;
      document.dispatchEvent(new Event('visibilitychange'));
    };

    beforeEach(() => {
      visibility = 'visible';
      jest.spyOn(document, 'visibilityState', 'get').mockImplementation(() => visibility);
    });
    afterEach(() => {
      jest.restoreAllMocks();
    });

    it('holds no connection where the page was opened there, and reads anew once someone looks', () => {
      const resumed = jest.fn();
      visibility = 'hidden';
      feed.follow({ reference: null, resumed }, destroyRef);
      expect(streams.opened).toHaveLength(0);
      expect(feed.status()).toBe('paused');
      turn('visible');
      streams.latest.open();
      expect(feed.status()).toBe('live');
      expect(resumed).toHaveBeenCalledTimes(1);
    });

    it('gives its connection back after seconds, not after a glance elsewhere', () => {
      feed.follow({ reference: null }, destroyRef);
      streams.latest.open();
      turn('hidden');
      jest.advanceTimersByTime(4_000);
      turn('visible');
      jest.advanceTimersByTime(10_000);
      expect(streams.latest.readyState).toBe(1);
      turn('hidden');
      jest.advanceTimersByTime(5_000);
      expect(streams.latest.readyState).toBe(2);
      expect(feed.status()).toBe('paused');
      turn('visible');
      expect(streams.opened).toHaveLength(2);
    });

    it('does not connect again while nobody looks', () => {
      feed.follow({ reference: null }, destroyRef);
      visibility = 'hidden';
      streams.latest.refuse();
      jest.advanceTimersByTime(60_000);
      expect(streams.opened).toHaveLength(1);
      expect(feed.status()).toBe('paused');
    });
  });

  it('leaves the stream to the newest follower', () => {
    const first = jest.fn();
    const second = jest.fn();
    feed.follow({ reference: null, changes: first }, destroyRef);
    const before = streams.latest;
    feed.follow({ reference: 'a/b:1', changes: second }, destroyRef);
    expect(before.readyState).toBe(2);
    streams.latest.send('change', changeMessage());
    expect(first).not.toHaveBeenCalled();
    expect(second).toHaveBeenCalledTimes(1);
  });
});
