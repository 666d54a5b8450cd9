import { describe, expect, it, jest } from '@jest/globals';
import { TestBed } from '@angular/core/testing';
import { Moment } from './moment.ts';

describe('a moment', () => {
  it('moves its exact time aside where it would lie outside the page', () => {
    const fixture = TestBed.createComponent(Moment);
    fixture.componentRef.setInput('at', '2026-11-24T12:00:00Z');
    fixture.detectChanges();
    const element = fixture.nativeElement as HTMLElement;
    const hint = element.querySelector('.hint');
    expect(hint?.textContent).toBe('Tuesday 24 Nov 2026, 12:00:00 UTC');
    jest.spyOn(document.documentElement, 'clientWidth', 'get').mockReturnValue(390);
    if (hint !== null) jest.spyOn(hint, 'scrollWidth', 'get').mockReturnValue(200);
    const at = jest.spyOn(element, 'getBoundingClientRect');
    const shiftAt = (left: number): string => {
      at.mockReturnValue(new DOMRect(left, 0, 60, 20));
      element.dispatchEvent(new Event('pointerenter'));
      fixture.detectChanges();
      return element.style.getPropertyValue('--hint-shift');
    };
    expect(shiftAt(165)).toBe('0px');
    expect(shiftAt(330)).toBe('-84px');
    expect(shiftAt(0)).toBe('84px');
    jest.restoreAllMocks();
  });
});
