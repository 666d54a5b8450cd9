import { types } from 'node:util';
import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Problem } from '@dtm/api-contract';
import { ReadModelMissing } from '@dtm/read-model';
import type { Request, Response } from 'express';
import { BusAway } from '../bus/bus-away.ts';
import { ProblemError, problemOf } from './problem.ts';

/** What Express and its body parser throw. */
interface HttpFault {
  status: number;
  type?: string;
}

/** PostgreSQL is away, starting or shutting down, or has no connection left: it passes. */
const DATABASE_AWAY =
  /^(?:ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH|EAI_AGAIN|57P0[1-3]|53300|08\w{3})$/;

const REQUEST_URN = 'urn:docker-tag-monitor:request:';

/** Turns whatever is thrown into problem+json. What is not expected is logged and tells the caller nothing but a request id. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #logger = new Logger('Problem');

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<Request>();
    const response = http.getResponse<Response>();
    const problem = { ...this.#problemOf(thrown, request), instance: `${REQUEST_URN}${idOf(request)}` };
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (thrown instanceof ProblemError) response.set(thrown.headers);
    if (problem.status === 503 && !response.hasHeader('retry-after')) response.set('retry-after', '5');
    response
      .status(problem.status)
      .set('cache-control', 'no-store')
      .type('application/problem+json')
      .send(JSON.stringify(problem));
  }

  #problemOf(thrown: unknown, request: Request): Problem {
    if (thrown instanceof ProblemError) return thrown.problem;
    if (thrown instanceof BusAway) return problemOf('not-available', { title: thrown.message });
    if (thrown instanceof ReadModelMissing) {
      return problemOf('not-available', { title: 'The record is still being set up: try again in a moment' });
    }
    const fault = faultOf(thrown);
    if (fault !== null && fault.status < 500) return problemOfFault(fault, request);
    if (isDatabaseAway(thrown)) {
      this.#logger.warn(`${request.method} ${request.path}: PostgreSQL does not answer: ${messageOf(thrown)}`);
      return problemOf('not-available', { title: 'The database does not answer: try again in a moment' });
    }
    this.#logger.error(types.isNativeError(thrown) ? thrown : new Error(messageOf(thrown)));
    return problemOf('internal', {
      title: 'Something broke on our side: try again, and report it with the request id if it stays',
      detail: `request id ${idOf(request)}`,
    });
  }
}

/** As `x-request-id` and the log have it. */
function idOf(request: Request): string {
  return String((request as { id?: unknown }).id);
}

function problemOfFault(fault: HttpFault, request: Request): Problem {
  if (fault.type === 'entity.parse.failed') {
    return problemOf('invalid-request', {
      title: 'body: it is not valid JSON',
      errors: [{ field: 'body', message: 'it is not valid JSON' }],
    });
  }
  if (fault.type === 'entity.too.large') {
    return problemOf('body-too-large', {
      title: 'body: it is larger than 1 MB; send fewer references at once',
      errors: [{ field: 'body', message: 'it is larger than 1 MB' }],
    });
  }
  if (fault.status === 415) {
    return problemOf('not-json', { title: 'body: send JSON in UTF-8 with content-type: application/json' });
  }
  if (fault.status === 404) {
    return problemOf('not-found', {
      title: `There is no ${request.method} ${pathOf(request)}: see /api/docs for what there is`,
    });
  }
  return problemOf('invalid-request', { title: 'The request cannot be read: check its path and headers' });
}

/** Cut, and free of what could be taken for markup where it is shown. */
function pathOf(request: Request): string {
  const path = request.path.replace(/[^\w./:%@~-]/g, '?');
  return path.length > 120 ? `${path.slice(0, 117)}...` : path;
}

/** Nest wraps what Express and its body parser throw, and keeps it as the cause. */
function faultOf(thrown: unknown): HttpFault | null {
  if (!(thrown instanceof HttpException)) return null;
  const { cause } = thrown;
  const type = cause instanceof Error && 'type' in cause ? cause.type : undefined;
  return typeof type === 'string' ? { status: thrown.getStatus(), type } : { status: thrown.getStatus() };
}

function isDatabaseAway(thrown: unknown): boolean {
  for (let error = thrown, depth = 0; types.isNativeError(error) && depth < 5; error = error.cause, depth++) {
    if ('code' in error && typeof error.code === 'string' && DATABASE_AWAY.test(error.code)) return true;
    if ('errors' in error && Array.isArray(error.errors) && error.errors.some(isDatabaseAway)) return true;
    if (/^Connection terminated|timeout exceeded when trying to connect/.test(error.message)) return true;
  }
  return false;
}

function messageOf(thrown: unknown): string {
  return types.isNativeError(thrown) ? thrown.message : String(thrown);
}
