import { readFileSync } from 'node:fs';
import { parseRegistryHost, printable } from '@dtm/oci';
import { z } from 'zod';
import type { RegistryCredentials } from '../registry-access.ts';

const text = z.string().min(1).optional().catch(undefined);
const entry = z.object({ auth: text, username: text, password: text, identitytoken: text, registrytoken: text });
const shape = z.object({
  auths: z.record(z.string(), z.unknown()).optional(),
  credsStore: text,
  credHelpers: z.record(z.string(), z.unknown()).optional().catch(undefined),
});

export interface DockerConfig {
  /** By the registry's canonical name. */
  credentials: ReadonlyMap<string, RegistryCredentials>;
  /** Registries whose credentials are not in the file but with a helper program, which is not run. */
  elsewhere: string[];
  /** A helper program keeps credentials, and the file does not even tell of which registries. */
  storeOnly: boolean;
  /** Entries that could not be read, in words without secrets; for the log. */
  faults: string[];
}

/** Reads the credentials of an ordinary Docker `config.json`. Throws where the file cannot be read or is no JSON object. */
export function readDockerConfig(path: string): DockerConfig {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`the Docker configuration ${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  return parseDockerConfig(content, path);
}

/** As `readDockerConfig`, of a text; `source` names it in errors. */
export function parseDockerConfig(content: string, source: string): DockerConfig {
  const config = shape.safeParse(jsonOf(content, source));
  // The parser's own words would repeat what is in the file.
  if (!config.success) throw new Error(`the Docker configuration ${source} is not one: "auths" is no object`);
  const { auths = {}, credsStore, credHelpers = {} } = config.data;
  const credentials = new Map<string, RegistryCredentials>();
  const elsewhere = new Set<string>();
  const faults: string[] = [];
  for (const key of Object.keys(credHelpers)) elsewhere.add(registryOf(key) ?? key);
  for (const [key, value] of Object.entries(auths)) {
    const registry = registryOf(key);
    if (registry === null) {
      faults.push(`"${printable(key)}" is no registry`);
      continue;
    }
    const read = credentialsOf(value);
    if (typeof read === 'object' && read !== null) {
      // Podman keeps credentials of single namespaces too; those of the whole registry come first.
      if (!credentials.has(registry) || !isOfNamespace(key)) credentials.set(registry, read);
    } else if (typeof read === 'string') faults.push(`${registry}: ${read}`);
    else if (credsStore !== undefined) elsewhere.add(registry);
  }
  const lacking = [...elsewhere].filter((name) => !credentials.has(name));
  const storeOnly = credsStore !== undefined && lacking.length === 0 && credentials.size === 0;
  return { credentials, elsewhere: lacking, storeOnly, faults };
}

function jsonOf(content: string, source: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    throw new Error(`the Docker configuration ${source} is not JSON`);
  }
}

/** Keys are hosts, or addresses as the first Docker clients wrote them: `https://index.docker.io/v1/`. */
function registryOf(key: string): string | null {
  const host = key.replace(/^https?:\/\//i, '').replace(/\/.*$/s, '');
  const parsed = parseRegistryHost(host);
  return 'host' in parsed ? parsed.host : null;
}

/** `quay.io/team`; the paths of the first Docker clients are `/v1/` and `/v2/`. */
function isOfNamespace(key: string): boolean {
  const path = key.replace(/^https?:\/\//i, '').replace(/^[^/]*\/?/, '');
  return path !== '' && !/^v[12]\/?$/.test(path);
}

/** Null: the entry is empty, as it is left where a helper holds the secret. A text: what is wrong with it. */
function credentialsOf(value: unknown): RegistryCredentials | string | null {
  const parsed = entry.safeParse(value);
  if (!parsed.success) return 'the entry is no object';
  const { auth, username, password, identitytoken, registrytoken } = parsed.data;
  if (registrytoken !== undefined) return { token: registrytoken };
  if (identitytoken !== undefined) return { identityToken: identitytoken };
  if (auth === undefined) {
    return username !== undefined && password !== undefined ? { username, password } : null;
  }
  const decoded = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = decoded.indexOf(':');
  if (colon < 1) return '"auth" is not user name and password in Base64';
  return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}
