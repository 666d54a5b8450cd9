import { connect, type NatsConnection } from '@nats-io/transport-node';

/** How a service reaches NATS. */
export interface ConnectionSettings {
  /** `nats://[user:password@|token@]host:port`, several parted by commas. */
  url: string;
  /** Shown in the server's connection list, and part of the subjects of answers: letters, digits and dashes. */
  name: string;
  /** Told in words when the connection is lost or back, and while the first one cannot be made. */
  onStatus?: (text: string) => void;
}

const INBOX_PREFIXES = new WeakMap<NatsConnection, string>();

/** What the subjects of answers begin with: a connection may subscribe to no other inbox. */
export function inboxPrefixOf(nc: NatsConnection): string {
  return INBOX_PREFIXES.get(nc) ?? DEFAULT_INBOX_PREFIX;
}

const DEFAULT_INBOX_PREFIX = '_INBOX';

/** When a first connection that cannot be made is told of, and how often from then on. */
const WAITING_TOLD_FIRST_MS = 1_000;
const WAITING_TOLD_MS = 5_000;

/**
 * Connects, waiting for a server that is not up yet; reconnects by itself for as long as the process lives. Rejects where
 * the server refuses the credentials.
 */
export async function connectNats(settings: ConnectionSettings): Promise<NatsConnection> {
  const { servers, ...credentials } = serversAndCredentials(settings.url);
  const tell = (): void => settings.onStatus?.(`NATS does not answer yet at ${servers.join(', ')}; waiting for it`);
  let waiting = setTimeout(() => {
    tell();
    waiting = setInterval(tell, WAITING_TOLD_MS);
  }, WAITING_TOLD_FIRST_MS);
  // Clears either kind.
  const nc = await connectPatiently(settings.name, servers, credentials).finally(() => clearTimeout(waiting));
  INBOX_PREFIXES.set(nc, inboxPrefix(settings.name));
  void reportStatus(nc, settings.onStatus);
  return nc;
}

/** Lets the server's permissions give each service an inbox that no other may read. */
function inboxPrefix(name: string): string {
  return `${DEFAULT_INBOX_PREFIX}.${name}`;
}

function connectPatiently(name: string, servers: string[], credentials: Credentials): Promise<NatsConnection> {
  return connect({
    servers,
    ...credentials,
    name,
    inboxPrefix: inboxPrefix(name),
    maxReconnectAttempts: -1,
    waitOnFirstConnect: true,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    pingInterval: 10_000,
    maxPingOut: 2,
    ignoreClusterUpdates: false,
    // An error's stack made in advance is a quarter of what a request costs, and names but this library's own callers.
    noAsyncTraces: true,
  });
}

interface Credentials {
  user?: string;
  pass?: string;
  token?: string;
}

interface ServersAndCredentials extends Credentials {
  servers: string[];
}

/** The client takes credentials as options only; in a URL they would be ignored without a word. */
export function serversAndCredentials(url: string): ServersAndCredentials {
  const urls = url.split(',').map((text) => new URL(text.includes('://') ? text.trim() : `nats://${text.trim()}`));
  const servers = urls.map((one) => `${one.protocol}//${one.hostname}:${one.port === '' ? '4222' : one.port}`);
  const first = urls[0];
  if (first === undefined || first.username === '') return { servers };
  const user = decodeURIComponent(first.username);
  return first.password === '' ? { servers, token: user } : { servers, user, pass: decodeURIComponent(first.password) };
}

async function reportStatus(nc: NatsConnection, onStatus: ((text: string) => void) | undefined): Promise<void> {
  for await (const status of nc.status()) {
    if (status.type === 'disconnect') onStatus?.('the connection to NATS is lost; reconnecting');
    if (status.type === 'reconnect') onStatus?.('connected to NATS again');
  }
}
