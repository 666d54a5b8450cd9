import { beforeEach, describe, expect, it } from '@jest/globals';
import { provideHttpClient } from '@angular/common/http';
import { HttpTestingController, provideHttpClientTesting } from '@angular/common/http/testing';
import { type ComponentFixture, TestBed } from '@angular/core/testing';
import { provideRouter } from '@angular/router';
import { AddTag } from './add-tag.ts';

describe('the dialog that watches tags', () => {
  let http: HttpTestingController;
  let fixture: ComponentFixture<AddTag>;

  const page = (): HTMLElement => fixture.nativeElement as HTMLElement;
  const type = (text: string): void => {
    const field = page().querySelector('textarea');
    if (field === null) throw new Error('no field');
    field.value = text;
    field.dispatchEvent(new Event('input'));
    fixture.detectChanges();
  };
  const submit = (): void => {
    page().querySelector('form')?.dispatchEvent(new Event('submit'));
  };

  beforeEach(() => {
    TestBed.configureTestingModule({ providers: [provideHttpClient(), provideHttpClientTesting(), provideRouter([])] });
    http = TestBed.inject(HttpTestingController);
    fixture = TestBed.createComponent(AddTag);
    fixture.detectChanges();
  });

  it('takes lines as they are pasted', () => {
    type('docker pull nginx:1.27\r\n\nFROM golang:1.25 AS build\nredis:7, postgres:17');
    expect(page().querySelector('.fault')).toBeNull();
    submit();
    const { body } = http.expectOne({ method: 'POST', url: '/api/v1/tags' }).request;
    expect(body).toEqual({ references: ['nginx:1.27', 'golang:1.25', 'redis:7', 'postgres:17'] });
  });

  it('says which line has blanks within, and asks for nothing', () => {
    type('nginx:1.27\nwatch redis please');
    expect(page().querySelector('.fault')?.textContent).toContain('Line 2 has blanks within');
    submit();
    http.expectNone(() => true);
  });

  it('refuses a digest with its reason', () => {
    type(`docker pull nginx@sha256:${'a1'.repeat(32)}`);
    expect(page().querySelector('.fault')?.textContent).toContain('it names a digest, which never changes');
  });
});
