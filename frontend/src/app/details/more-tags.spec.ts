import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { provideHttpClient } from '@angular/common/http';
import { HttpTestingController, provideHttpClientTesting, type TestRequest } from '@angular/common/http/testing';
import { type ComponentFixture, TestBed } from '@angular/core/testing';
import { provideRouter } from '@angular/router';
import type { AvailableTags } from '@dtm/api-contract';
import { Reference } from '@dtm/oci';
import { MoreTags } from './more-tags.ts';

describe('more tags of a repository', () => {
  let http: HttpTestingController;
  let fixture: ComponentFixture<MoreTags>;

  const page = (): HTMLElement => fixture.nativeElement as HTMLElement;
  const one = <T extends HTMLElement>(testId: string): T | null => page().querySelector<T>(`[data-testid=${testId}]`);
  const shown = (): (string | undefined)[] =>
    [...page().querySelectorAll<HTMLElement>('[data-testid=more-tag]')].map(({ dataset }) => dataset['tag']);
  const asked = (): TestRequest => http.expectOne(({ url }) => url.endsWith('/available-tags'));
  const found = (...tags: string[]): AvailableTags =>
    ({ items: tags.map((tag) => ({ tag, tracked: false })), more: 0 }) as unknown as AvailableTags;
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 3; turn++) {
      await new Promise((resolve) => setTimeout(resolve));
      fixture.detectChanges();
    }
  };
  const type = async (text: string): Promise<void> => {
    const field = one<HTMLInputElement>('more-filter');
    if (field === null) throw new Error('no filter');
    field.value = text;
    field.dispatchEvent(new Event('input'));
    fixture.detectChanges();
    await Promise.resolve();
  };
  const canWatch = (): boolean => one('more-watch')?.getAttribute('aria-disabled') === 'false';

  beforeEach(async () => {
    TestBed.configureTestingModule({ providers: [provideHttpClient(), provideHttpClientTesting(), provideRouter([])] });
    http = TestBed.inject(HttpTestingController);
    fixture = TestBed.createComponent(MoreTags);
    fixture.componentRef.setInput('of', Reference.parse('nginx:1.27'));
    fixture.detectChanges();
    const details = page().querySelector('details');
    if (details === null) throw new Error('nothing to open');
    details.open = true;
    details.dispatchEvent(new Event('toggle'));
    await settle();
    asked().flush(found('1', '2'));
    await settle();
  });
  afterEach(() => {
    jest.useRealTimers();
    http.verify();
  });

  it('watches nothing while the filter says other tags than are shown', async () => {
    expect(canWatch()).toBe(true);
    await type('5.*');
    expect(canWatch()).toBe(false);
    one('more-watch')?.click();
    await new Promise((resolve) => setTimeout(resolve, 320));
    await settle();
    // The registry takes its time: what the filter before found is gone.
    expect(shown()).toEqual([]);
    expect(canWatch()).toBe(false);
    one('more-watch')?.click();
    asked().flush(found('5.0', '5.1'));
    await settle();
    expect(shown()).toEqual(['5.0', '5.1']);
    expect(one('more-watch')?.textContent).toContain('Watch 2 tags');
    expect(canWatch()).toBe(true);
  });
});
