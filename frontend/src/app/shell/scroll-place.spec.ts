import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ViewportScroller } from '@angular/common';
import { TestBed } from '@angular/core/testing';
import { NavigationEnd, provideRouter, Router, Scroll } from '@angular/router';
import type { Subject } from 'rxjs';
import { ScrollPlace } from './scroll-place.ts';

describe('the place of the reader', () => {
  const scrollToPosition = jest.fn();
  const go = (url: string, position: [number, number] | null = null): void => {
    const events = TestBed.inject(Router).events as Subject<unknown>;
    events.next(new Scroll(new NavigationEnd(1, url, url), position, null));
  };

  beforeEach(() => {
    scrollToPosition.mockClear();
    const scroller = { scrollToPosition, setHistoryScrollRestoration: jest.fn() };
    TestBed.configureTestingModule({
      providers: [provideRouter([]), { provide: ViewportScroller, useValue: scroller }],
    });
    TestBed.inject(ScrollPlace);
  });

  it('is left alone by a page of a list, a filter and an interval', () => {
    go('/details/a/b:1');
    go('/details/a/b:1?page=2');
    go('/details/a/b:1?page=2&interval=month');
    expect(scrollToPosition).not.toHaveBeenCalled();
  });

  it('is the top of another page', () => {
    go('/?q=nginx');
    go('/status');
    expect(scrollToPosition).toHaveBeenCalledWith([0, 0]);
  });

  it('is taken again on the way back, once the page is as long as it was', () => {
    const height = jest.spyOn(document.documentElement, 'scrollHeight', 'get').mockReturnValue(100);
    const frames: FrameRequestCallback[] = [];
    jest.spyOn(window, 'requestAnimationFrame').mockImplementation((frame) => frames.push(frame));
    go('/', [0, 700]);
    expect(frames).toHaveLength(1);
    height.mockReturnValue(2_000);
    frames[0]?.(0);
    expect(scrollToPosition.mock.calls).toEqual([[[0, 700]], [[0, 700]]]);
    expect(frames).toHaveLength(1);
    jest.restoreAllMocks();
  });

  it('is not taken from a reader who moved meanwhile', () => {
    jest.spyOn(document.documentElement, 'scrollHeight', 'get').mockReturnValue(100);
    const cancelled = jest.spyOn(window, 'cancelAnimationFrame').mockImplementation(() => undefined);
    jest.spyOn(window, 'requestAnimationFrame').mockReturnValue(5);
    go('/', [0, 700]);
    window.dispatchEvent(new Event('wheel'));
    expect(cancelled).toHaveBeenCalledWith(5);
    jest.restoreAllMocks();
  });
});
