import { connect, type NatsConnection } from '@nats-io/transport-node';

/** How a service reaches NATS. */
export interface ConnectionSettings {
  /** `nats://[user:password@|token@]host:port`, several parted by commas. */
  url: string;
  /** Shown in the server's connection list. */
  name: string;
  /** Told in words when the connection is lost or back. */
  onStatus?: (text: string) => void;
}

/** Connects, waiting for a server that is not up yet; reconnects by itself for as long as the process lives. */
export async function connectNats(settings: ConnectionSettings): Promise<NatsConnection> {
  const nc = await connect({
    ...serversAndCredentials(settings.url),
    name: settings.name,
    maxReconnectAttempts: -1,
    waitOnFirstConnect: true,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    pingInterval: 10_000,
    maxPingOut: 2,
    ignoreClusterUpdates: false,
  });
  void reportStatus(nc, settings.onStatus);
  return nc;
}

interface ServersAndCredentials {
  servers: string[];
  user?: string;
  pass?: string;
  token?: string;
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
