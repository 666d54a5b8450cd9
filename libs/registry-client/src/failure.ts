/** Why an operation gave no answer that can be recorded. The same words as in the scan events. */
export type FailureCode =
  | 'unreachable'
  | 'timeout'
  | 'refused'
  | 'unauthorized'
  | 'not-found'
  | 'throttled'
  | 'server-error'
  | 'bad-answer'
  | 'internal';

/** Bound of `RegistryFailure.reason`, so that it fits the scan events. */
const REASON_MAX_LENGTH = 300;

export interface FailureDetail {
  code: FailureCode;
  /** What was done: `HEAD`, `GET`, `list tags of`. */
  operation: string;
  /** Reference or repository that it was done to. */
  reference: string;
  /** The sentence's second half: "the registry answered 503 Service Unavailable". */
  reason: string;
  /** Before this time nothing should be asked of the registry. */
  retryAt?: Date | undefined;
  /** HTTP requests that were sent for it, token requests and redirects included. */
  requests: number;
  cause?: unknown;
}

/** An operation on a registry that failed for reasons outside this program; its message is one sentence for a user. */
export class RegistryFailure extends Error {
  override readonly name = 'RegistryFailure';
  readonly code: FailureCode;
  readonly operation: string;
  readonly reference: string;
  readonly reason: string;
  readonly retryAt?: Date;
  readonly requests: number;

  constructor(detail: FailureDetail) {
    const reason = bounded(detail.reason);
    super(`${detail.operation} ${detail.reference}: ${reason}`, { cause: detail.cause });
    this.code = detail.code;
    this.operation = detail.operation;
    this.reference = detail.reference;
    this.reason = reason;
    if (detail.retryAt !== undefined) this.retryAt = detail.retryAt;
    this.requests = detail.requests;
  }
}

export function isRegistryFailure(error: unknown): error is RegistryFailure {
  return error instanceof RegistryFailure;
}

/**
 * A failure that does not know yet which operation it spoils: thrown below, made a `RegistryFailure` by the operation.
 * Token requests are shared between operations, so what fails there must not carry one operation's name.
 */
export class Trouble extends Error {
  override readonly name = 'Trouble';
  readonly code: FailureCode;
  readonly retryAt: Date | undefined;

  constructor(code: FailureCode, reason: string, detail: { retryAt?: Date | undefined; cause?: unknown } = {}) {
    super(reason, { cause: detail.cause });
    this.code = code;
    this.retryAt = detail.retryAt;
  }
}

function bounded(reason: string): string {
  return reason.length > REASON_MAX_LENGTH ? `${reason.slice(0, REASON_MAX_LENGTH - 3)}...` : reason;
}
