import { describe, expect, it } from '@jest/globals';
import { HttpErrorResponse } from '@angular/common/http';
import { troubleOf } from './problem.ts';

describe('trouble in words', () => {
  it('is what the problem says, with its fields and a next step', () => {
    const error = {
      type: 'about:blank',
      status: 400,
      title: 'The request is not valid.',
      detail: 'One field is wrong.',
      errors: [{ field: 'references', message: 'at most 100' }],
    };
    expect(troubleOf(new HttpErrorResponse({ status: 400, error }))).toEqual({
      title: 'The request is not valid.',
      detail: 'One field is wrong. references: at most 100',
      nextStep: 'Check what was entered, then try again.',
      status: 400,
    });
  });

  it('reads a problem that came as text', () =>
    expect(troubleOf(new HttpErrorResponse({ status: 503, error: '{"title":"Restarting."}' })).title).toBe(
      'Restarting.',
    ));
  it('names the status where a proxy answered in HTML', () =>
    expect(troubleOf(new HttpErrorResponse({ status: 502, error: '<html>' })).title).toBe('The server answered 502.'));
  it('knows a server that does not answer', () =>
    expect(troubleOf(new HttpErrorResponse({ status: 0 })).title).toBe('The server does not answer.'));
  it('is a fault of the page where no call failed', () =>
    expect(troubleOf(new Error('x')).title).toBe('This page met a fault of its own.'));
  it('looks into the cause, for resources wrap what was thrown', () =>
    expect(troubleOf(new Error('wrapped', { cause: new HttpErrorResponse({ status: 404, error: null }) })).status).toBe(
      404,
    ));
});
