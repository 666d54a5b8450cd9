import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { readRegistryHost } from './variables.ts';

/** How to sign in at a registry. */
export type RegistryCredentials = { username: string; password: string } | { token: string };

/** What is configured for one registry. */
export interface RegistrySettings {
  credentials: RegistryCredentials | null;
  /** Across all fetchers together. */
  requestsPerSecond: number;
  /** Certificates (PEM) that are trusted for it besides the system's; null: none. */
  ca: string | null;
  /** Whether it may be asked without TLS. */
  plainHttp: boolean;
  /** Whether its name may lead to a private, loopback or link-local address. */
  privateAddresses: boolean;
}

/** One registry of REGISTRIES_FILE; what it leaves out is null. */
export type RegistryEntry = Omit<RegistrySettings, 'requestsPerSecond'> & { requestsPerSecond: number | null };

const credentialsSchema = z
  .strictObject({
    username: z.string().min(1).optional(),
    password: z.string().min(1).optional(),
    passwordFile: z.string().min(1).optional(),
    token: z.string().min(1).optional(),
    tokenFile: z.string().min(1).optional(),
  })
  .superRefine((value, context) => {
    const tokens = count(value.token, value.tokenFile);
    const passwords = count(value.password, value.passwordFile);
    const byName = value.username !== undefined && passwords === 1 && tokens === 0;
    const byToken = value.username === undefined && passwords === 0 && tokens === 1;
    if (!byName && !byToken) {
      context.addIssue({
        code: 'custom',
        message: 'give either username and one of password, passwordFile, or one of token, tokenFile',
      });
    }
  });

const entrySchema = z.strictObject({
  credentials: credentialsSchema.optional(),
  requestsPerSecond: z.number().min(0.01).max(10_000).optional(),
  ca: z.string().min(1).optional(),
  plainHttp: z.boolean().optional(),
  privateAddresses: z.boolean().optional(),
});

const fileSchema = z.record(z.string(), entrySchema, 'it maps names of registries to their settings');

/** Reads REGISTRIES_FILE. Faults are sentences without any value of the file, as values there are secrets. */
export function readRegistriesFile(path: string): { registries: Map<string, RegistryEntry>; faults: string[] } {
  const registries = new Map<string, RegistryEntry>();
  const faults: string[] = [];
  const content = readText(path);
  if (content === null) return { registries, faults: [`cannot read the file "${path}"`] };
  const document = parseDocument(content, { prettyErrors: false });
  const broken = document.errors[0];
  if (broken !== undefined) {
    const line = content.slice(0, broken.pos[0]).split('\n').length;
    return { registries, faults: [`line ${line} of "${path}" is not YAML`] };
  }
  const parsed = fileSchema.safeParse(document.toJS() ?? {});
  if (!parsed.success) {
    return {
      registries,
      faults: parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the file'}: ${wordsOf(issue)}`),
    };
  }
  for (const [name, entry] of Object.entries(parsed.data)) {
    const host = readRegistryHost(name);
    if (host === null) faults.push(`"${name}" is not a registry: write host[:port]`);
    else if (registries.has(host)) faults.push(`"${name}" is there twice (as ${host})`);
    else registries.set(host, entryOf(name, entry, dirname(path), faults));
  }
  return { registries, faults };
}

function entryOf(name: string, entry: z.infer<typeof entrySchema>, folder: string, faults: string[]): RegistryEntry {
  const fileOf = (field: string, path: string): string => {
    const content = readText(resolve(folder, path));
    if (content === null) faults.push(`${name}.${field}: cannot read the file "${path}"`);
    return content ?? '';
  };
  const { credentials, ca } = entry;
  const inline = ca?.includes('-----BEGIN') === true;
  return {
    credentials: credentials === undefined ? null : credentialsOf(credentials, fileOf),
    requestsPerSecond: entry.requestsPerSecond ?? null,
    ca: ca === undefined ? null : inline ? ca : fileOf('ca', ca),
    plainHttp: entry.plainHttp ?? false,
    privateAddresses: entry.privateAddresses ?? false,
  };
}

function credentialsOf(
  given: z.infer<typeof credentialsSchema>,
  fileOf: (field: string, path: string) => string,
): RegistryCredentials {
  const secret = (value: string | undefined, field: string, path: string | undefined): string =>
    value ?? fileOf(`credentials.${field}`, path ?? '').trim();
  if (given.username === undefined) return { token: secret(given.token, 'tokenFile', given.tokenFile) };
  return { username: given.username, password: secret(given.password, 'passwordFile', given.passwordFile) };
}

/** Zod's own words, except where they would repeat a value. */
function wordsOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `${issue.keys.join(', ')} is not a setting of a registry`;
  return issue.message;
}

function count(...values: (string | undefined)[]): number {
  return values.filter((value) => value !== undefined).length;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
