import { HttpException } from '@nestjs/common';
import type { Problem } from '@dtm/api-contract';

/** Every kind of problem that the api answers with; the last part of a problem's `type`. */
export const PROBLEM_KINDS = {
  'invalid-request': 400,
  'invalid-reference': 400,
  'not-authorised': 401,
  'not-enabled': 403,
  refused: 403,
  'not-found': 404,
  'unknown-tag': 404,
  'unknown-repository': 404,
  'body-too-large': 413,
  'not-json': 415,
  'too-many-requests': 429,
  internal: 500,
  'registry-unreachable': 502,
  'not-available': 503,
  throttled: 503,
} as const;
export type ProblemKind = keyof typeof PROBLEM_KINDS;

export interface ProblemWords {
  /** What is wrong and what to do about it, in one sentence. */
  title: string;
  detail?: string | undefined;
  errors?: { field: string; message: string }[] | undefined;
  /** HTTP headers that go with it. */
  headers?: Record<string, string> | undefined;
}

/** Ends a request with `application/problem+json`. */
export class ProblemError extends HttpException {
  readonly problem: Problem;
  readonly headers: Record<string, string>;

  constructor(kind: ProblemKind, words: ProblemWords) {
    const problem = problemOf(kind, words);
    super(problem, problem.status);
    this.problem = problem;
    this.headers = words.headers ?? {};
  }
}

/** The body of a problem. */
export function problemOf(kind: ProblemKind, words: ProblemWords): Problem {
  return {
    type: `urn:docker-tag-monitor:problem:${kind}`,
    title: words.title,
    status: PROBLEM_KINDS[kind],
    ...(words.detail === undefined ? {} : { detail: words.detail }),
    ...(words.errors === undefined ? {} : { errors: words.errors }),
  };
}
