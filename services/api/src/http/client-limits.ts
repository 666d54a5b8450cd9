import { Injectable, SetMetadata, type ExecutionContext } from '@nestjs/common';
import { ThrottlerGuard, type ThrottlerLimitDetail, type ThrottlerModuleOptions } from '@nestjs/throttler';
import { ProblemError } from '../problem/problem.ts';

const LIMITED = Symbol('LimitedPerClient');
const MINUTE_MS = 60_000;

/** Calls that make registries be asked: so many a minute and client. */
const LIMITED_CALLS_PER_MINUTE = 30;

/** Marks a call that costs others something. */
export function LimitedPerClient(): MethodDecorator {
  return SetMetadata(LIMITED, true);
}

/** Limits per client address: one for all calls together, one for those that are marked. */
export function clientLimits(requestsPerMinute: number): ThrottlerModuleOptions {
  const off = requestsPerMinute === 0;
  return {
    throttlers: [
      { name: 'all', ttl: MINUTE_MS, limit: requestsPerMinute, skipIf: () => off },
      {
        name: 'limited',
        ttl: MINUTE_MS,
        limit: LIMITED_CALLS_PER_MINUTE,
        skipIf: (context) => off || Reflect.getMetadata(LIMITED, context.getHandler()) !== true,
      },
    ],
    // The headers of Nest's throttler carry its names; Retry-After is what clients know.
    setHeaders: false,
  };
}

/** The probes are never limited: who asks for them decides whether the process lives. */
@Injectable()
export class ClientLimitGuard extends ThrottlerGuard {
  protected override shouldSkip(context: ExecutionContext): Promise<boolean> {
    const { path } = context.switchToHttp().getRequest<{ path: string }>();
    // Express finds a call however its path is capitalised, so it is limited however that is.
    return Promise.resolve(!path.toLowerCase().startsWith('/api/'));
  }

  /** One count for a client, whichever call it makes. */
  protected override generateKey(_context: ExecutionContext, client: string, name: string): string {
    return `${name} ${client}`;
  }

  protected override throwThrottlingException(_context: ExecutionContext, limit: ThrottlerLimitDetail): Promise<void> {
    const seconds = Math.max(1, Math.ceil(limit.timeToBlockExpire));
    throw new ProblemError('too-many-requests', {
      title: `Too many requests from this address: try again in ${seconds} s, and more slowly`,
      headers: { 'retry-after': String(seconds) },
    });
  }
}
