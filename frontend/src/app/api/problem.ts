import { HttpErrorResponse } from '@angular/common/http';
import type { Problem } from '@dtm/api-contract';

/** What went wrong, why, and what to do: what every error on a page says. */
export interface Trouble {
  title: string;
  detail: string | null;
  nextStep: string;
  /** HTTP status; 0 where no answer came. */
  status: number;
}

/** Reads a failed call: problem+json where the api sent it, else words for what is known. */
export function troubleOf(error: unknown): Trouble {
  const response = responseIn(error);
  if (response === null) {
    const detail = error instanceof Error ? error.message : null;
    return { title: 'This page met a fault of its own.', detail, nextStep: 'Reload the page.', status: 0 };
  }
  if (response.status === 0) {
    return {
      title: 'The server does not answer.',
      detail: 'The connection failed before an answer came.',
      nextStep: 'The page tries again by itself as soon as the server is back.',
      status: 0,
    };
  }
  const problem = problemIn(response.error);
  return {
    title: problem?.title ?? `The server answered ${response.status}.`,
    detail: detailOf(problem),
    nextStep: nextStepAfter(response.status),
    status: response.status,
  };
}

/** `httpResource` wraps what the backend threw; the response is then the cause. */
function responseIn(error: unknown): HttpErrorResponse | null {
  if (error instanceof HttpErrorResponse) return error;
  if (error instanceof Error && error.cause instanceof HttpErrorResponse) return error.cause;
  return null;
}

function problemIn(body: unknown): Problem | null {
  const parsed = typeof body === 'string' ? parsedJson(body) : body;
  if (typeof parsed !== 'object' || parsed === null || !('title' in parsed)) return null;
  return typeof parsed.title === 'string' ? (parsed as Problem) : null;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function detailOf(problem: Problem | null): string | null {
  if (problem === null) return null;
  const fields = (problem.errors ?? []).map(({ field, message }) => `${field}: ${message}`).join('; ');
  return [problem.detail ?? '', fields].filter((part) => part !== '').join(' ') || null;
}

function nextStepAfter(status: number): string {
  if (status === 404) return 'Check the address, or search for the tag.';
  if (status === 429) return 'Wait a minute, then try again.';
  if (status >= 500) return 'The page catches up by itself once the server is back; or try again now.';
  return 'Check what was entered, then try again.';
}
