import { isIP } from 'node:net';
import { parseRegistryHost } from '@dtm/oci';
import { TRACING_VARIABLES } from './tracing-variables.ts';
import { variable, type Variable } from './variable.ts';

const MAX_PORT = 65_535;

/** Every variable but those of traces, by its name in `Config`. The order is that of `docs/configuration.md`. */
export const VARIABLES = {
  port: variable.integer({
    name: 'PORT',
    default: '8080',
    min: 0,
    max: MAX_PORT,
    meaning: 'Port of the web UI and the API; 0 takes a free one',
  }),
  servicePort: variable.optionalInteger({
    name: 'SERVICE_PORT',
    min: 0,
    max: MAX_PORT,
    meaning:
      'Port of `/healthz`, `/readyz` and `/metrics` of a service other than the api; unset: scheduler 8081, registry-fetcher 8082, history-projector 8083; 0 takes a free one',
  }),
  dataDir: variable.path({
    name: 'DATA_DIR',
    default: '.data',
    meaning: 'Folder of the embedded stores that `npm start` runs',
  }),
  databaseUrl: variable.address({
    name: 'DATABASE_URL',
    schemes: ['postgres:', 'postgresql:'],
    list: false,
    path: true,
    example: 'postgres://user:password@host:5432/database',
    meaning: 'PostgreSQL; unset: `npm start` runs an embedded one',
  }),
  databaseReadUrl: variable.address({
    name: 'DATABASE_READ_URL',
    schemes: ['postgres:', 'postgresql:'],
    list: false,
    path: true,
    example: 'postgres://user:password@replica:5432/database',
    meaning:
      'A replica of that PostgreSQL, from which the api reads; it goes on listening to DATABASE_URL for what is new. Unset: it reads from there too',
  }),
  natsUrl: variable.address({
    name: 'NATS_URL',
    schemes: ['nats:', 'tls:'],
    list: true,
    example: 'nats://host:4222',
    meaning:
      'NATS with JetStream; several servers of a cluster are parted by commas; unset: `npm start` runs an embedded one',
  }),
  natsReplicas: variable.choice({
    name: 'NATS_REPLICAS',
    default: '1',
    of: ['1', '3'],
    meaning: 'Copies of each stream and bucket that NATS keeps; 3 needs a cluster of three servers or more',
  }),
  scrapeInterval: variable.duration({
    name: 'SCRAPE_INTERVAL',
    default: '2h',
    min: '1s',
    meaning: 'How often a repository is scanned (upper bound where scheduling is adaptive)',
  }),
  imageRefreshInterval: variable.duration({
    name: 'IMAGE_REFRESH_INTERVAL',
    default: '1d',
    min: '1m',
    meaning: 'How often popular images are looked up and added',
  }),
  popularImagesMaxCount: variable.integer({
    name: 'POPULAR_IMAGES_MAX_COUNT',
    default: '50',
    min: 0,
    max: 10_000,
    meaning: 'How many popular images are added; 0 turns it off',
  }),
  imageUpdateMaxAge: variable.optionalDuration({
    name: 'IMAGE_UPDATE_MAX_AGE',
    min: '1s',
    meaning:
      'How far back the API shows history; the record itself is never deleted, and the newest change of a tag is always shown. Unset: all of it',
  }),
  imageLastAccessedMaxAge: variable.duration({
    name: 'IMAGE_LAST_ACCESSED_MAX_AGE',
    default: '2y',
    min: '1s',
    meaning:
      'Tags that nobody looked at for so long are no longer scanned (state `expired`); their history stays, and a look revives them',
  }),
  imageLastViewedUpdateThreshold: variable.duration({
    name: 'IMAGE_LAST_VIEWED_UPDATE_THRESHOLD',
    default: '1d',
    meaning: 'A view of a tag is noted at most so often',
  }),
  autoMonitorNewTags: variable.boolean({
    name: 'AUTO_MONITOR_NEW_TAGS',
    default: 'true',
    meaning: 'Whether tags that appear in a watched repository are tracked by themselves',
  }),
  refreshDigestLastPushedCutoff: variable.duration({
    name: 'REFRESH_DIGEST_LAST_PUSHED_CUTOFF',
    default: '6mm',
    min: '1s',
    meaning:
      'Tags whose last push or last change (the later) is older are scanned rarely instead of every time; `latest`, and tags of unknown age, always',
  }),
  manifestFacts: variable.boolean({
    name: 'MANIFEST_FACTS',
    default: 'true',
    meaning:
      'Whether platforms, sizes and build date of each digest are read when it is first seen: by three requests at most, a fifth of the rate over time. What was left out meanwhile is read once it is on again',
  }),
  maxRequestsPerSecond: variable.number({
    name: 'MAX_REQUESTS_PER_SECOND',
    default: '10',
    min: 0.01,
    max: 10_000,
    meaning: 'Requests per second to each registry, across all fetchers together',
  }),
  maxRetriesOnRateLimit: variable.integer({
    name: 'MAX_RETRIES_ON_RATE_LIMIT',
    default: '10',
    min: 0,
    max: 1000,
    meaning: 'How often a request is repeated after the registry refused it for its rate',
  }),
  sleepIntervalOnRateLimit: variable.duration({
    name: 'SLEEP_INTERVAL_ON_RATE_LIMIT',
    default: '1s',
    meaning: 'Pause before such a repetition, where the registry names no time itself',
  }),
  digestRefreshCooldownInterval: variable.duration({
    name: 'DIGEST_REFRESH_COOLDOWN_INTERVAL',
    default: '5s',
    meaning: 'Pause of a registry that still refuses after all repetitions, where it names no time itself',
  }),
  dockerHubUsername: variable.optionalText({
    name: 'DOCKERHUB_USERNAME',
    meaning: 'Account at Docker Hub; raises its rate limit',
  }),
  dockerHubPassword: variable.secret({
    name: 'DOCKERHUB_PASSWORD',
    meaning: 'Password or access token of that account',
  }),
  registriesFile: variable.optionalPath({
    name: 'REGISTRIES_FILE',
    meaning: 'YAML: per registry its credentials, requests per second, CA, plain HTTP, private addresses',
  }),
  dockerConfigFile: variable.optionalPath({
    name: 'DOCKER_CONFIG_FILE',
    meaning:
      'A Docker `config.json`, as `docker login` leaves it: its `auths` are used for registries that nothing else here has credentials of',
  }),
  insecureRegistries: variable.list({
    name: 'INSECURE_REGISTRIES',
    allowed: 'registries as host[:port], parted by commas',
    read: readRegistryHost,
    meaning: 'Registries that may use plain HTTP and private addresses; without it neither is possible',
  }),
  adminToken: variable.secret({
    name: 'ADMIN_TOKEN',
    meaning: "Bearer token for what changes other people's data (untrack, import); unset: those calls are refused",
  }),
  maxApiRequestsPerMinute: variable.integer({
    name: 'MAX_API_REQUESTS_PER_MINUTE',
    default: '1200',
    min: 0,
    max: 1_000_000,
    meaning: 'Requests to the API per client address and minute; 0 turns the limit off',
  }),
  trustProxy: variable.list({
    name: 'TRUST_PROXY',
    allowed: 'addresses, networks such as 10.0.0.0/8, or loopback, linklocal, uniquelocal, parted by commas',
    read: readProxy,
    meaning: 'Proxies in front of the api whose X-Forwarded-For is believed; unset: none',
  }),
  staticDir: variable.optionalPath({
    name: 'STATIC_DIR',
    meaning: 'Folder of the built web UI that the api serves; unset: it serves none',
  }),
  publicUrl: variable.optional({
    name: 'PUBLIC_URL',
    allowed: 'an http or https address without a path, such as https://tags.example.com',
    read: readOrigin,
    meaning:
      'Address at which people reach the web UI, named in the sitemap and in what shared links show; unset: the one that each request was sent to',
  }),
  sourceUrl: variable.required({
    name: 'SOURCE_URL',
    default: 'https://github.com/MShekow/docker-tag-monitor',
    allowed: 'the http or https address of a repository (owner/name) on GitHub, Gitea or Forgejo, or none',
    read: readSource,
    meaning:
      'Source code that the web UI links to; its host is asked for the number of stars once an hour. `none`: no link, and nobody is asked',
  }),
  logLevel: variable.choice({
    name: 'LOG_LEVEL',
    default: 'info',
    of: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    meaning: 'Least important messages that are logged',
  }),
  logFormat: variable.choice({
    name: 'LOG_FORMAT',
    default: 'json',
    of: ['json', 'pretty'],
    meaning: 'One JSON object per message, or lines for people',
  }),
} as const satisfies Record<string, Variable<unknown>>;

/** Every variable there is. */
export const ALL_VARIABLES: readonly Variable<unknown>[] = Object.values({ ...VARIABLES, ...TRACING_VARIABLES });

/** Every variable as people are told of it, in the order of `docs/configuration.md`. */
export const CONFIG_VARIABLES: readonly Pick<
  Variable<unknown>,
  'name' | 'default' | 'allowed' | 'meaning' | 'secret'
>[] = ALL_VARIABLES.map(({ name, default: fallback, allowed, meaning, secret }) => ({
  name,
  default: fallback,
  allowed,
  meaning,
  secret,
}));

function readOrigin(text: string): string | null {
  const url = readWebUrl(text);
  return url !== null && url.pathname === '/' ? url.origin : null;
}

/** `none` is a value of its own, as an empty variable counts as unset. */
function readSource(text: string): string | null {
  if (text === 'none') return text;
  const url = readWebUrl(text);
  return url !== null && /^\/[\w.-]+\/[\w.-]+\/?$/.test(url.pathname)
    ? `${url.origin}${url.pathname.replace(/\/$/, '')}`
    : null;
}

/** An address without user, query or fragment. */
function readWebUrl(text: string): URL | null {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return null;
  return url.username === '' && url.password === '' && url.search === '' && url.hash === '' ? url : null;
}

function readProxy(text: string): string | null {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return text;
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits ?? 0) <= (version === 4 ? 32 : 128) ? text : null;
}

/** The canonical host of a registry, Docker Hub's aliases folded; null where the text is none. */
export function readRegistryHost(text: string): string | null {
  const parsed = parseRegistryHost(text);
  return 'host' in parsed ? parsed.host : null;
}
