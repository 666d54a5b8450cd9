import { remembering } from './remembering.ts';

/** The name by which Docker Hub is known here, whatever alias was written. */
export const DOCKER_HUB = 'docker.io';

/** Bound of DNS on a name. */
const HOST_MAX_LENGTH = 253;

/** A DNS name of 253 characters; a colon and five digits of port come on top. */
export const REGISTRY_MAX_LENGTH = 259;

/** Hosts that are remembered in the process. */
const REMEMBERED = 1_000;

const DOCKER_HUB_ALIASES: ReadonlySet<string> = new Set([
  DOCKER_HUB,
  'index.docker.io',
  'registry-1.docker.io',
  'registry.hub.docker.com',
  'registry.docker.io',
]);

const DOMAIN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
const IPV6 = /^\[[0-9a-f:.]{2,45}\]$/;

/** A registry's canonical host (`host[:port]`, lower case, Docker Hub's aliases folded), or the reason why it is none. */
export function parseRegistryHost(text: string): ParsedHost {
  return text.length > REGISTRY_MAX_LENGTH ? parse(text) : parseKnown(text);
}

type ParsedHost = Readonly<{ host: string } | { reason: string }>;

const parseKnown = remembering<ParsedHost>(REMEMBERED, parse);

function parse(text: string): ParsedHost {
  // Some letters outside ASCII become ASCII in lower case (the Kelvin sign a "k"), so this comes first.
  if (/[^\x21-\x7e]/.test(text)) return { reason: `"${printable(text)}" is not a registry host` };
  const lower = text.toLowerCase();
  const portAt = lower.endsWith(']') ? -1 : lower.lastIndexOf(':');
  const name = portAt < 0 ? lower : lower.slice(0, portAt);
  const port = portAt < 0 ? null : lower.slice(portAt + 1);
  if (name.length > HOST_MAX_LENGTH) return { reason: 'the registry name is longer than a host name can be' };
  if (port !== null && !(/^[1-9][0-9]{0,4}$/.test(port) && Number(port) <= 65535)) {
    return { reason: `the registry port "${printable(port)}" is not a number from 1 to 65535` };
  }
  const canonical = canonicalHost(name);
  if (canonical === null) return { reason: `"${printable(name)}" is not a registry host` };
  if (DOCKER_HUB_ALIASES.has(canonical) && (port === null || port === '443')) return { host: DOCKER_HUB };
  return { host: port === null ? canonical : `${canonical}:${port}` };
}

/** By the rule of `docker pull`: the first path part is a registry where it has a dot, a port or a capital, or is localhost. */
export function looksLikeRegistry(part: string): boolean {
  return part === 'localhost' || /[.:[\]]/.test(part) || part !== part.toLowerCase();
}

/** Text from outside, made safe to repeat in a message: printable ASCII only, at most 64 characters. */
export function printable(text: string): string {
  const shown = text.length > 64 ? `${text.slice(0, 61)}...` : text;
  return shown.replace(/[^\x20-\x7e]/g, '?');
}

function canonicalHost(name: string): string | null {
  if (!IPV6.test(name) && !DOMAIN.test(name)) return null;
  try {
    const canonical = new URL(`http://${name}/`).hostname;
    // A name that ends in a number is an IPv4 address to every HTTP client: "127.1" would be a second name of 127.0.0.1.
    return name.startsWith('[') || canonical === name ? canonical : null;
  } catch {
    return null;
  }
}
