import { LocalThrottle } from '../local-throttle.ts';
import type { Message } from './delivery.ts';

/** Requests of one kind to one registry that are known to be too many above a rate. */
interface KnownPace {
  registry: string;
  purposes: ReadonlySet<Message['purpose']>;
  perSecond: number;
  burst: number;
}

const EVERYTHING: KnownPace['purposes'] = new Set(['manifest', 'tags', 'token', 'api', 'blob']);

/** Published or read in the registries' own configuration; docs/registries.md names the sources. */
const KNOWN: readonly KnownPace[] = [
  // Pulls without an account: one a second; loops of HEAD are refused after some hundreds where they are faster.
  { registry: 'public.ecr.aws', purposes: EVERYTHING, perSecond: 0.9, burst: 1 },
  { registry: 'docker.io', purposes: new Set(['api']), perSecond: 3, burst: 10 },
  { registry: 'quay.io', purposes: new Set(['api']), perSecond: 5, burst: 20 },
  { registry: 'quay.io', purposes: new Set(['tags']), perSecond: 5, burst: 2 },
];

/** The most requests a second that a registry is known to allow for all kinds of requests; null where nothing is known. */
export function knownRequestsPerSecond(registry: string): number | null {
  const known = KNOWN.find((pace) => pace.purposes === EVERYTHING && pace.registry === registry);
  return known?.perSecond ?? null;
}

/**
 * Keeps this process below the rates that registries are known to allow, kind by kind. The throttle's budget knows one rate
 * for a registry as a whole, shared by all processes; this is the finer part.
 */
export class KnownPaces {
  /** Registries count by address, so all clients of a process share one. */
  static readonly ofThisProcess = new KnownPaces();
  readonly #throttles = new Map<KnownPace, LocalThrottle>();

  /** Resolves when a request of this kind may be sent, rejects with the signal's reason; null: at once. */
  wait(registry: string, { purpose }: Message, signal: AbortSignal | undefined): Promise<void> | null {
    const pace = KNOWN.find((known) => known.registry === registry && known.purposes.has(purpose));
    if (pace === undefined) return null;
    let throttle = this.#throttles.get(pace);
    if (throttle === undefined) {
      throttle = new LocalThrottle({ requestsPerSecond: pace.perSecond, burst: pace.burst });
      this.#throttles.set(pace, throttle);
    }
    return throttle.acquire(registry, signal);
  }
}
