import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Digest, MEDIA_TYPES, RepositoryName } from '@dtm/oci';
import type { RegistryClient } from '../registry-client.ts';
import { clientOf, failureOf, ScriptedRegistry, type ScriptedStep } from '../testing/index.ts';
import { type ManifestFacts, readFacts } from './manifest-facts.ts';

describe('readFacts', () => {
  let registry: ScriptedRegistry;
  let client: RegistryClient;
  let name: RepositoryName;

  /** Serves a content by its digest. */
  const serve = (content: unknown, mediaType: string | null, step: Partial<ScriptedStep> = {}): Digest => {
    const body = typeof content === 'string' ? content : JSON.stringify(content);
    const digest = `sha256:${createHash('sha256').update(body).digest('hex')}` as Digest;
    registry.expect({
      method: 'GET',
      path: `/v2/team/app/${mediaType === null ? 'blobs' : 'manifests'}/${digest}`,
      body,
      headers: { 'content-type': mediaType ?? 'application/octet-stream' },
      ...step,
    });
    return digest;
  };
  const config = { created: '2026-01-02T03:04:05.678Z', os: 'linux', architecture: 'arm', variant: 'v7' };
  const image = (configDigest: string, more: object = {}): object => ({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: { mediaType: 'x', digest: configDigest, size: 100 },
    layers: [
      { mediaType: 'y', digest: `sha256:${'0'.repeat(64)}`, size: 1000 },
      { mediaType: 'y', digest: `sha256:${'1'.repeat(64)}`, size: 2000 },
    ],
    ...more,
  });
  const child = (digest: string, os: string, architecture: string, more: object = {}): object => ({
    mediaType: MEDIA_TYPES.ociManifest,
    digest,
    size: 500,
    platform: { os, architecture },
    ...more,
  });
  const index = (...manifests: object[]): object => ({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests });
  const facts = (digest: Digest): Promise<ManifestFacts> => readFacts(client, name, digest);
  const [otherDigest, attestation] = [`sha256:${'2'.repeat(64)}`, `sha256:${'3'.repeat(64)}`];

  beforeEach(async () => {
    registry = await ScriptedRegistry.start();
    client = clientOf({ insecure: { [registry.host]: {} } });
    name = RepositoryName.of(registry.host, 'team/app');
  });

  afterEach(async () => {
    await client.close();
    await registry.close();
    registry.verify();
  });

  it('reads an image by its manifest and its configuration', async () => {
    const digest = serve(image(serve(config, null)), MEDIA_TYPES.ociManifest);
    expect(await facts(digest)).toEqual({
      mediaType: MEDIA_TYPES.ociManifest,
      size: 3100,
      platforms: [{ os: 'linux', architecture: 'arm', variant: 'v7', size: 3100 }],
      createdAt: new Date(config.created),
      requests: 2,
    });
  });

  it('reads an index by three requests, of linux/amd64 the more', async () => {
    const amd64 = serve(image(serve({ ...config, architecture: 'amd64' }, null)), MEDIA_TYPES.ociManifest);
    const digest = serve(
      index(
        child(otherDigest, 'linux', 'arm64', { platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } }),
        child(amd64, 'linux', 'amd64'),
        child(attestation, 'unknown', 'unknown'),
        { digest: 'nonsense', platform: { os: 'linux', architecture: 's390x' } },
      ),
      MEDIA_TYPES.ociIndex,
    );
    expect(await facts(digest)).toEqual({
      mediaType: MEDIA_TYPES.ociIndex,
      size: 3100,
      platforms: [
        { os: 'linux', architecture: 'arm64', variant: 'v8', digest: otherDigest },
        { os: 'linux', architecture: 'amd64', digest: amd64, size: 3100 },
      ],
      createdAt: new Date(config.created),
      requests: 3,
    });
  });

  it.each(['1970-01-01T00:00:00Z', '0001-01-01T00:00:00Z', '1969-12-31T23:59:59Z', '9999-01-01T00:00:00Z', 'today', 7])(
    'invents no build date from %s',
    async (created) => {
      const digest = serve(image(serve({ ...config, created }, null)), MEDIA_TYPES.ociManifest);
      expect(await facts(digest)).toMatchObject({ createdAt: null, requests: 2 });
    },
  );

  it('takes the build date of the annotations where the configuration tells none', async () => {
    const annotations = { 'org.opencontainers.image.created': '2026-05-06T00:00:00Z' };
    const reproducible = serve({ ...config, created: '1970-01-01T00:00:00Z' }, null, { times: 2 });
    const own = serve(image(reproducible, { annotations }), MEDIA_TYPES.ociManifest);
    expect((await facts(own)).createdAt).toEqual(new Date('2026-05-06T00:00:00Z'));
    const plain = serve(image(reproducible), MEDIA_TYPES.ociManifest);
    const digest = serve(index(child(plain, 'linux', 'amd64', { annotations })), MEDIA_TYPES.ociIndex);
    expect((await facts(digest)).createdAt).toEqual(new Date('2026-05-06T00:00:00Z'));
  });

  it('does without a configuration that is gone or another', async () => {
    const gone = serve(image(serve(config, null, { status: 404 })), MEDIA_TYPES.ociManifest);
    expect(await facts(gone)).toEqual({
      mediaType: MEDIA_TYPES.ociManifest,
      size: 3100,
      platforms: [],
      createdAt: null,
      requests: 2,
    });
    const forged = serve({ ...config, os: 'other' }, null, { body: JSON.stringify(config) });
    expect(await facts(serve(image(forged), MEDIA_TYPES.ociManifest))).toMatchObject({ createdAt: null });
  });

  it('does without a platform that is gone', async () => {
    const gone = serve(image(otherDigest), MEDIA_TYPES.ociManifest, { status: 404 });
    const digest = serve(index(child(gone, 'linux', 'amd64')), MEDIA_TYPES.ociIndex);
    expect(await facts(digest)).toMatchObject({
      size: null,
      platforms: [{ os: 'linux', architecture: 'amd64', digest: gone }],
      createdAt: null,
      requests: 2,
    });
  });

  it('asks no further of an index of artifacts', async () => {
    const digest = serve(index({ digest: otherDigest, artifactType: 'x' }), MEDIA_TYPES.ociIndex);
    expect(await facts(digest)).toEqual({
      mediaType: MEDIA_TYPES.ociIndex,
      size: null,
      platforms: [],
      createdAt: null,
      requests: 1,
    });
  });

  it("reads Docker's first manifests by one request", async () => {
    const v1Compatibility = JSON.stringify({ created: '2015-06-07T00:00:00Z', os: 'linux', architecture: 'amd64' });
    const manifest = { schemaVersion: 1, architecture: 'amd64', fsLayers: [], history: [{ v1Compatibility }] };
    expect(await facts(serve(manifest, MEDIA_TYPES.dockerManifestV1))).toEqual({
      mediaType: MEDIA_TYPES.dockerManifestV1,
      size: null,
      platforms: [{ os: 'linux', architecture: 'amd64' }],
      createdAt: new Date('2015-06-07T00:00:00Z'),
      requests: 1,
    });
  });

  it('fails where the manifest is gone, or a part may come later', async () => {
    const gone = serve(image(otherDigest, { other: 1 }), MEDIA_TYPES.ociManifest, { status: 404 });
    expect(await failureOf(facts(gone))).toMatchObject({ code: 'not-found', requests: 1 });
    const broken = serve(config, null, { status: 502 });
    expect(await failureOf(facts(serve(image(broken), MEDIA_TYPES.ociManifest)))).toMatchObject({
      code: 'server-error',
    });
  });

  it('fetches the configuration from where the registry sends it, without credentials', async () => {
    await client.close();
    const storage = await ScriptedRegistry.start();
    const credentials = { username: 'me', password: 'secret' };
    client = clientOf({ insecure: { [registry.host]: { credentials }, [storage.host]: {} } });
    const authorization = `Basic ${Buffer.from('me:secret').toString('base64')}`;
    const blob = serve(config, null, {
      status: 307,
      headers: { location: `http://${storage.host}/blob` },
      authorization,
    });
    const digest = serve(image(blob), MEDIA_TYPES.ociManifest, { authorization });
    const challenge = { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' }, authorization: null };
    registry.expect({ method: 'GET', path: `/v2/team/app/manifests/${digest}`, ...challenge });
    storage.expect({ method: 'GET', path: '/blob', authorization: null, body: JSON.stringify(config) });
    expect(await facts(digest)).toMatchObject({ createdAt: new Date(config.created), requests: 4 });
    await storage.close();
    storage.verify();
  });
});
