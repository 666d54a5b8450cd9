import { pause, ThrottleBook, type NatsConnection } from '@dtm/jetstream';
import type { RepositoryName } from '@dtm/oci';
import {
  ConfiguredAccess,
  isRegistryFailure,
  knownRequestsPerSecond,
  RegistryClient,
  type RegistryCredentials,
  type Throttle,
} from '@dtm/registry-client';
import { loadConfig, registrySettings } from '@dtm/service-host';
import type { Item } from './row.ts';

/**
 * Registries as the fetchers ask them: by the same configuration, and out of the same budget, so that an import beside a
 * running system is no faster than what the registry is to see in all. What it asks can wait.
 */
export class Registries {
  readonly client: RegistryClient;
  readonly say: (line: string) => void;
  readonly #access: ConfiguredAccess;

  /** `env` holds the configuration; throws where that is wrong. */
  static async open(nc: NatsConnection, env: NodeJS.ProcessEnv, say: (line: string) => void): Promise<Registries> {
    const config = loadConfig('registry-fetcher', env);
    const access = new ConfiguredAccess((registry) => registrySettings(config, registry), config.dockerConfigFile);
    for (const complaint of access.complaints) say(`DOCKER_CONFIG_FILE: ${complaint}`);
    const rateOf = (registry: string): number =>
      Math.min(registrySettings(config, registry).requestsPerSecond, knownRequestsPerSecond(registry) ?? Infinity);
    const client = new RegistryClient({
      accessOf: (registry) => access.of(registry),
      throttle: new WaitingThrottle(await ThrottleBook.open(nc, rateOf), say),
      retry: {
        maxOnRateLimit: config.maxRetriesOnRateLimit,
        sleepMs: config.sleepIntervalOnRateLimit.ms,
        cooldownMs: config.digestRefreshCooldownInterval.ms,
      },
    });
    return new Registries(client, access, say);
  }

  private constructor(client: RegistryClient, access: ConfiguredAccess, say: (line: string) => void) {
    this.client = client;
    this.#access = access;
    this.say = say;
  }

  credentialsOf(registry: string): RegistryCredentials | undefined {
    return this.#access.of(registry).credentials;
  }

  /** Asks again after the pause that a registry wants: the throttle waits for its end. */
  async patiently<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!isRegistryFailure(error) || error.retryAt === undefined) throw error;
      }
    }
  }

  /** What a repository gives; where the registry fails, a sentence, so that the other repositories are read all the same. */
  async *eachOrFailure(name: RepositoryName, read: () => AsyncGenerator<Item>): AsyncGenerator<Item> {
    try {
      yield* read();
    } catch (error) {
      if (!isRegistryFailure(error)) throw error;
      const isHidden = error.code === 'not-found' || error.code === 'unauthorized';
      const hint = isHidden ? `. It does not exist, or it is private: ${CREDENTIALS}` : '';
      yield { kind: 'failure', failure: `${name.toString()} could not be read: ${error.reason}${hint}` };
    }
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

const CREDENTIALS = 'credentials are taken from REGISTRIES_FILE and DOCKER_CONFIG_FILE';

/** The budget that all fetchers share; while a registry wants a pause, whoever asks waits and is told so. */
class WaitingThrottle implements Throttle {
  readonly #book: ThrottleBook;
  readonly #say: (line: string) => void;
  #saidUntil = 0;

  constructor(book: ThrottleBook, say: (line: string) => void) {
    this.#book = book;
    this.#say = say;
  }

  async acquire(registry: string, signal?: AbortSignal): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      const lease = await this.#book.lease(registry, 1, 'scan');
      if (lease.granted > 0) return;
      const until = lease.retryAt.getTime();
      if (lease.halted && until > this.#saidUntil) {
        this.#saidUntil = until;
        this.#say(`${registry} allows no requests for now: waiting until ${lease.retryAt.toISOString()}`);
      }
      await pause(Math.max(1, until - Date.now()), signal);
    }
  }

  halt(registry: string, until: Date, reason: string): Promise<void> {
    return this.#book.halt(registry, until, reason);
  }
}
