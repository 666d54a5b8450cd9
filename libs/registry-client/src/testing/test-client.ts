import { isRegistryFailure, type RegistryFailure } from '../failure.ts';
import { LocalThrottle } from '../local-throttle.ts';
import type { RegistryAccess } from '../registry-access.ts';
import { RegistryClient, type RegistryClientOptions } from '../registry-client.ts';

/** Access of a registry that no configuration names. */
export const unlisted: RegistryAccess = { plainHttp: false, privateAddresses: false };

export interface TestClientOptions extends Partial<RegistryClientOptions> {
  /** Listed as insecure, each with what else is configured for it. */
  insecure?: Readonly<Record<string, Partial<RegistryAccess>>>;
}

/** A client that knows the insecure registries given, is not slowed down, and pauses for no time. */
export function clientOf(options: TestClientOptions): RegistryClient {
  const { insecure = {}, ...rest } = options;
  return new RegistryClient({
    accessOf: (registry) => {
      const listed = insecure[registry];
      return listed === undefined ? unlisted : { plainHttp: true, privateAddresses: true, ...listed };
    },
    throttle: new LocalThrottle({ requestsPerSecond: 100_000 }),
    retry: { maxOnRateLimit: 2, sleepMs: 0, cooldownMs: 5000 },
    ...rest,
  });
}

/** The failure that a call ends with; throws where it does not, or ends with another error. */
export async function failureOf(call: Promise<unknown>): Promise<RegistryFailure> {
  const ended = await call.then(
    (value) => ({ error: new Error(`expected a failure, got ${JSON.stringify(value)}`) }),
    (error: unknown) => ({ error }),
  );
  if (!isRegistryFailure(ended.error)) throw ended.error;
  return ended.error;
}
