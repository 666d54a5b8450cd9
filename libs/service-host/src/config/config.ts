import { readFileSync } from 'node:fs';
import { DOCKER_HUB, parseRegistryHost, printable } from '@dtm/oci';
import { z } from 'zod';
import { readRegistriesFile, type RegistryEntry, type RegistrySettings } from './registries.ts';
import { tracingOf, type TracingConfig } from './tracing.ts';
import { TRACING_VARIABLES } from './tracing-variables.ts';
import type { Variable } from './variable.ts';
import { ALL_VARIABLES, VARIABLES } from './variables.ts';

export const SERVICES = ['scheduler', 'registry-fetcher', 'history-projector', 'api'] as const;
export type ServiceName = (typeof SERVICES)[number];

type ValuesOf<V> = { [K in keyof V]: V[K] extends Variable<infer T> ? T : never };
type Values = ValuesOf<typeof VARIABLES>;
type Derived =
  | 'port'
  | 'servicePort'
  | 'databaseUrl'
  | 'databaseReadUrl'
  | 'natsUrl'
  | 'natsReplicas'
  | 'registriesFile'
  | 'insecureRegistries';

/** What every service is told, read once at start. */
export interface Config extends Omit<Values, Derived> {
  service: ServiceName;
  /** Port that this service listens on; 0: a free one. */
  port: number;
  natsUrl: string;
  natsReplicas: 1 | 3;
  /** Registries with settings of their own, by canonical host; ask `registrySettings`. */
  registries: ReadonlyMap<string, RegistryEntry>;
  /** Null: no traces. */
  tracing: TracingConfig | null;
}

/** Of the services that know PostgreSQL. */
export interface DatabaseConfig extends Config {
  databaseUrl: string;
  /** Where the api reads: a replica, or the same. */
  databaseReadUrl: string;
}

/** The config of a service: only projector and api are told of PostgreSQL. */
export type ConfigOf<S extends ServiceName> = S extends 'history-projector' | 'api' ? DatabaseConfig : Config;

/** What is wrong with the configuration: a line for each variable. */
export class ConfigError extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

const DEFAULT_PORTS: Readonly<Record<ServiceName, number>> = {
  api: 8080,
  scheduler: 8081,
  'registry-fetcher': 8082,
  'history-projector': 8083,
};

const byName = new Map(ALL_VARIABLES.map((one) => [one.name, one]));
const schema = z.object(Object.fromEntries(ALL_VARIABLES.map((one) => [one.name, one.schema])));

/** Reads the configuration of a service; throws `ConfigError`, which names every wrong variable at once. */
export function loadConfig<S extends ServiceName>(service: S, env: NodeJS.ProcessEnv = process.env): ConfigOf<S> {
  const { given, faults } = collect(env);
  const parsed = schema.safeParse(given);
  const texts = new Map(Object.entries(given));
  if (!parsed.success) faults.push(...parsed.error.issues.map((issue) => faultOf(issue, texts)));
  const read = parsed.success ? valuesOf(VARIABLES, parsed.data) : null;
  const tracing = parsed.success ? tracingOf(valuesOf(TRACING_VARIABLES, parsed.data)) : null;
  const needsDatabase = service === 'api' || service === 'history-projector';
  for (const name of needsDatabase ? ['NATS_URL', 'DATABASE_URL'] : ['NATS_URL']) {
    if (!texts.has(name)) faults.push(`${name} is not set: give ${byName.get(name)?.allowed ?? 'it'}`);
  }
  if (texts.has('DOCKERHUB_USERNAME') !== texts.has('DOCKERHUB_PASSWORD')) {
    faults.push('DOCKERHUB_USERNAME and DOCKERHUB_PASSWORD go together: set both or none');
  }
  const registries = readRegistries(texts, faults);
  if (read === null || faults.length > 0) throw new ConfigError(faults);
  const {
    databaseUrl,
    databaseReadUrl,
    natsUrl,
    natsReplicas,
    port,
    servicePort,
    registriesFile: _,
    insecureRegistries: __,
    ...rest
  } = read;
  const config: Config & Partial<DatabaseConfig> = {
    ...rest,
    service,
    port: service === 'api' ? port : (servicePort ?? DEFAULT_PORTS[service]),
    natsUrl: natsUrl ?? '',
    natsReplicas: natsReplicas === '3' ? 3 : 1,
    registries,
    tracing,
    ...(needsDatabase ? { databaseUrl: databaseUrl ?? '', databaseReadUrl: databaseReadUrl ?? databaseUrl ?? '' } : {}),
  };
  return config as ConfigOf<S>;
}

/** What holds for a registry (canonical host), its own settings or the defaults. */
export function registrySettings(
  config: Pick<Config, 'registries' | 'maxRequestsPerSecond'>,
  registry: string,
): RegistrySettings {
  const entry = config.registries.get(registry);
  return {
    credentials: entry?.credentials ?? null,
    requestsPerSecond: entry?.requestsPerSecond ?? config.maxRequestsPerSecond,
    ca: entry?.ca ?? null,
    plainHttp: entry?.plainHttp ?? false,
    privateAddresses: entry?.privateAddresses ?? false,
  };
}

/** Texts by variable; an empty one counts as unset, since Compose files pass those on. */
function collect(env: NodeJS.ProcessEnv): { given: Record<string, string>; faults: string[] } {
  const given: Record<string, string> = {};
  const faults: string[] = [];
  for (const name of byName.keys()) {
    const direct = env[name]?.trim();
    const path = env[`${name}_FILE`]?.trim();
    if (direct && path) faults.push(`${name} and ${name}_FILE are both set: set one of them`);
    else if (direct) given[name] = direct;
    else if (path) {
      const content = readFile(path);
      if (content === null) faults.push(`${name}_FILE is "${path}": this file cannot be read`);
      else if (content !== '') given[name] = content;
    }
  }
  return { given, faults };
}

function readFile(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

function faultOf(issue: z.core.$ZodIssue, texts: ReadonlyMap<string, string>): string {
  const name = String(issue.path[0]);
  const text = printable(texts.get(name) ?? '');
  const { secret = false, plain } = byName.get(name) ?? {};
  const shown = secret && plain?.test(text) !== true ? 'has a value that is not allowed (not shown)' : `is "${text}"`;
  return `${name} ${shown}: allowed is ${issue.message}`;
}

function valuesOf<V extends Record<string, Variable<unknown>>>(
  variables: V,
  data: Record<string, unknown>,
): ValuesOf<V> {
  return Object.fromEntries(Object.entries(variables).map(([key, one]) => [key, data[one.name]])) as ValuesOf<V>;
}

function readRegistries(texts: ReadonlyMap<string, string>, faults: string[]): Map<string, RegistryEntry> {
  const path = texts.get('REGISTRIES_FILE');
  const file =
    path === undefined ? { registries: new Map<string, RegistryEntry>(), faults: [] } : readRegistriesFile(path);
  faults.push(...file.faults.map((fault) => `REGISTRIES_FILE: ${fault}`));
  const { registries } = file;
  const username = texts.get('DOCKERHUB_USERNAME');
  const password = texts.get('DOCKERHUB_PASSWORD');
  if (username !== undefined && password !== undefined) {
    const entry = registries.get(DOCKER_HUB);
    if (entry?.credentials)
      faults.push(`DOCKERHUB_USERNAME is set, but REGISTRIES_FILE has credentials of ${DOCKER_HUB} too: keep one`);
    registries.set(DOCKER_HUB, { ...emptyEntry, ...entry, credentials: { username, password } });
  }
  for (const name of (texts.get('INSECURE_REGISTRIES') ?? '').split(',')) {
    const parsed = parseRegistryHost(name.trim());
    if ('host' in parsed) {
      registries.set(parsed.host, {
        ...emptyEntry,
        ...registries.get(parsed.host),
        plainHttp: true,
        privateAddresses: true,
      });
    }
  }
  return registries;
}

const emptyEntry: RegistryEntry = {
  credentials: null,
  requestsPerSecond: null,
  ca: null,
  plainHttp: false,
  privateAddresses: false,
};
