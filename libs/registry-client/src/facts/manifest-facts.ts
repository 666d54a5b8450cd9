import { createHash } from 'node:crypto';
import { type Digest, isIndex, parseDigest, printable, type RepositoryName } from '@dtm/oci';
import { z } from 'zod';
import { isRegistryFailure, RegistryFailure, Trouble, type FailureCode } from '../failure.ts';
import type { CallOptions, ManifestAnswer, RegistryClient } from '../registry-client.ts';

/** Of an image's configuration that is read; some carry long histories. */
const CONFIG_BYTES = 4 * 1024 * 1024;
const CREATED = 'org.opencontainers.image.created';
/** Failures after which the same question may be answered later: the facts are not to be stored without the answer. */
const PASSING: ReadonlySet<FailureCode> = new Set(['throttled', 'unreachable', 'timeout', 'server-error']);

const words = z.string().optional().catch(undefined);
const annotations = z.record(z.string(), z.unknown()).optional().catch(undefined);
const bytes = z.number().int().nonnegative().optional().catch(undefined);
const descriptor = z.object({
  digest: words,
  size: bytes,
  annotations,
  platform: z.object({ os: words, architecture: words, variant: words }).optional().catch(undefined),
});
const indexShape = z.object({ manifests: z.array(z.unknown()).catch([]), annotations });
const imageShape = z.object({
  config: descriptor.optional().catch(undefined),
  layers: z.array(descriptor).optional().catch(undefined),
  annotations,
});
const configShape = z.object({ created: words, os: words, architecture: words, variant: words });
const signedShape = z.object({
  architecture: words,
  history: z
    .array(z.object({ v1Compatibility: words }))
    .optional()
    .catch(undefined),
});

/** A platform that an image is made for. */
export interface PlatformFacts {
  os: string;
  architecture: string;
  variant?: string;
  /** Digest of the platform's own manifest; absent where the image is for one platform only. */
  digest?: Digest;
  /** Bytes to download: configuration and layers, compressed. Absent where the platform's manifest was not read. */
  size?: number;
}

/** What a manifest tells of an image. */
export interface ManifestFacts {
  mediaType: string;
  /** Bytes to download of an image for one platform, compressed; of an index those of the platform that was read. Null: unknown. */
  size: number | null;
  /** In the order of the index. Empty where the manifest names none, as artifacts do. */
  platforms: PlatformFacts[];
  /** When the image was built, as it says itself (source `image`); of an index, the platform that was read. Null: not told. */
  createdAt: Date | null;
  /** All HTTP requests; three are asked at most, tokens and redirects come on top. */
  requests: number;
}

/**
 * Reads what a digest is: its manifest and, as far as needed for the build date, the manifest and the configuration of one
 * platform, linux/amd64 before others. Each is checked against its digest. Throws `RegistryFailure`, also where a part failed
 * that may be there later.
 */
export async function readFacts(
  client: RegistryClient,
  name: RepositoryName,
  digest: Digest,
  options?: CallOptions,
): Promise<ManifestFacts> {
  const manifest = await getManifest(client, name, digest, options);
  const { mediaType, content, requests } = manifest;
  if (!isIndex(mediaType)) {
    const image = await imageFacts(client, name, content, null, options);
    const { size, platform, createdAt } = image;
    const platforms = platform === null ? [] : [{ ...platform, ...(size === null ? {} : { size }) }];
    return { mediaType, size, platforms, createdAt, requests: requests + image.requests };
  }
  const index = indexShape.parse(content);
  const children = index.manifests.flatMap(childOf);
  const facts: ManifestFacts = {
    mediaType,
    size: null,
    platforms: children.map(({ platform }) => platform),
    createdAt: null,
    requests,
  };
  const child = children.find(({ platform }) => isUsual(platform)) ?? children[0];
  if (child?.platform.digest === undefined) return facts;
  const childManifest = await tolerated(facts, () =>
    getManifest(client, name, child.platform.digest as Digest, options),
  );
  if (childManifest === null) return { ...facts, createdAt: buildDate(child.annotations) };
  const image = await imageFacts(client, name, childManifest.content, child.annotations ?? null, options);
  if (image.size !== null) child.platform.size = image.size;
  return {
    ...facts,
    size: image.size,
    createdAt: image.createdAt,
    requests: facts.requests + image.requests,
  };
}

interface ImageFacts {
  size: number | null;
  platform: PlatformFacts | null;
  createdAt: Date | null;
  requests: number;
}

/** Of one platform's manifest; `annotations` are those that an index has for it, null where it stands for itself. */
async function imageFacts(
  client: RegistryClient,
  name: RepositoryName,
  content: Readonly<Record<string, unknown>>,
  annotations: Readonly<Record<string, unknown>> | null,
  options: CallOptions | undefined,
): Promise<ImageFacts> {
  if (content['schemaVersion'] === 1) return signedFacts(content);
  const { config, layers, annotations: own } = imageShape.parse(content);
  const facts: ImageFacts = { size: sizeOf(config, layers), platform: null, createdAt: null, requests: 0 };
  const digest = config?.digest === undefined ? null : parseDigest(config.digest);
  const read = digest === null ? null : await tolerated(facts, () => getConfig(client, name, digest, options));
  const created = read === null ? null : dateOf(read.config.created);
  return {
    ...facts,
    platform: read === null ? null : platformOf(read.config),
    createdAt: created ?? buildDate(own) ?? buildDate(annotations ?? undefined),
  };
}

/** Docker's first manifests carry the configuration of each layer, the newest first. */
function signedFacts(content: Readonly<Record<string, unknown>>): ImageFacts {
  const { history, architecture } = signedShape.parse(content);
  let config: z.infer<typeof configShape> = {};
  try {
    config = configShape.safeParse(JSON.parse(history?.[0]?.v1Compatibility ?? '')).data ?? {};
  } catch {
    // Not told, then.
  }
  const platform = platformOf({ architecture, os: 'linux', ...config });
  return { size: null, platform, createdAt: dateOf(config.created), requests: 0 };
}

async function getManifest(
  client: RegistryClient,
  name: RepositoryName,
  digest: Digest,
  options: CallOptions | undefined,
): Promise<ManifestAnswer & { outcome: 'present' }> {
  const answer = await client.getManifest(name, digest, options);
  if (answer.outcome === 'present') return answer;
  const reference = `${name.toString()}@${digest}`;
  const reason = 'the registry no longer has this manifest';
  throw new RegistryFailure({ code: 'not-found', operation: 'GET', reference, reason, requests: answer.requests });
}

function getConfig(
  client: RegistryClient,
  name: RepositoryName,
  digest: Digest,
  options: CallOptions | undefined,
): Promise<{ config: z.infer<typeof configShape>; requests: number }> {
  return client.ask(
    name,
    {
      operation: `read the configuration ${printable(digest)} of an image of`,
      target: `/v2/${name.repository}/blobs/${digest}`,
      accept: '*/*',
      purpose: 'blob',
      maxBytes: CONFIG_BYTES,
    },
    (answer) => {
      const json = answer.json();
      const algorithm = digest.slice(0, digest.indexOf(':'));
      const isKnown = algorithm === 'sha256' || algorithm === 'sha512';
      if (
        !isKnown ||
        createHash(algorithm).update(answer.bytes()).digest('hex') !== digest.slice(algorithm.length + 1)
      ) {
        throw new Trouble('bad-answer', 'the registry sent another configuration than the one with this digest');
      }
      return { config: configShape.safeParse(json).data ?? {}, requests: answer.requests };
    },
    options,
  );
}

/** The result, its requests added to the facts; null where it is not to be had, now or later. */
async function tolerated<T extends { requests: number }>(
  facts: { requests: number },
  ask: () => Promise<T>,
): Promise<T | null> {
  try {
    const result = await ask();
    facts.requests += result.requests;
    return result;
  } catch (error) {
    if (!isRegistryFailure(error) || PASSING.has(error.code)) throw error;
    facts.requests += error.requests;
    return null;
  }
}

/** An entry of an index that is an image: attestations name a platform `unknown`. */
function childOf(entry: unknown): { platform: PlatformFacts; annotations: Record<string, unknown> | undefined }[] {
  const { digest, platform, annotations } = descriptor.safeParse(entry).data ?? {};
  const parsed = digest === undefined ? null : parseDigest(digest);
  const named = platformOf(platform ?? {});
  return parsed === null || named === null ? [] : [{ platform: { ...named, digest: parsed }, annotations }];
}

/** Null where it is none: attestations name an `unknown` one. */
export function platformOf({
  os,
  architecture,
  variant,
}: {
  os?: string | undefined;
  architecture?: string | undefined;
  variant?: string | undefined;
}): PlatformFacts | null {
  if (!isName(os) || !isName(architecture)) return null;
  return { os, architecture, ...(isName(variant) ? { variant } : {}) };
}

function isName(text: string | undefined): text is string {
  return text !== undefined && text !== 'unknown' && /^[A-Za-z0-9._-]{1,64}$/.test(text);
}

/** Whether it is the platform whose size stands for the whole image. */
export function isUsual({ os, architecture }: PlatformFacts): boolean {
  return os === 'linux' && architecture === 'amd64';
}

function sizeOf(
  config: z.infer<typeof descriptor> | undefined,
  layers: z.infer<typeof descriptor>[] | undefined,
): number | null {
  if (layers === undefined || layers.some(({ size }) => size === undefined)) return null;
  return layers.reduce((sum, { size = 0 }) => sum + size, config?.size ?? 0);
}

function buildDate(annotations: Readonly<Record<string, unknown>> | undefined): Date | null {
  const created = annotations?.[CREATED];
  return typeof created === 'string' ? dateOf(created) : null;
}

/** Reproducible builds say 1970, or earlier: that is no date. */
function dateOf(text: string | undefined): Date | null {
  const milliseconds = text === undefined ? Number.NaN : Date.parse(text);
  return milliseconds >= Date.UTC(1971, 0, 1) && milliseconds <= Date.now() + DAY_MS ? new Date(milliseconds) : null;
}

const DAY_MS = 24 * 60 * 60 * 1000;
