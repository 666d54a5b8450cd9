import { StandardSchemaValidationPipe } from '@nestjs/common';
import { ProblemError } from './problem.ts';

type Issues = readonly { message: string; path?: readonly (PropertyKey | { key: PropertyKey })[] | undefined }[];

/** More would help nobody who sent 10,000 numbers. */
const MAX_ERRORS = 20;

/** Checks bodies and queries against the zod schema of their parameter; a fault becomes a problem that names the field. */
export function validationPipe(): StandardSchemaValidationPipe {
  return new StandardSchemaValidationPipe({ exceptionFactory: (issues: Issues) => problemOfIssues(issues) });
}

function problemOfIssues(issues: Issues): ProblemError {
  const errors = issues.slice(0, MAX_ERRORS).map(({ message, path = [] }) => ({
    field: path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.') || 'body',
    message,
  }));
  const first = errors[0];
  const more = issues.length > errors.length ? `${issues.length - errors.length} more are not listed` : undefined;
  return new ProblemError('invalid-request', {
    title: first === undefined ? 'The request is not valid' : `${first.field}: ${first.message}`,
    detail: more,
    errors,
  });
}
