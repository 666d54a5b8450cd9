import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, ServerProcess } from '@dtm/embedded';
import { testBackend } from './backend.ts';
import { startRegistryContainer } from './containers.ts';
import { buildImage, buildIndex, parsePlatform, type Content, type ImageSource } from './image.ts';
import { copyWithSkopeo } from './skopeo.ts';

/** What a registry answers for a manifest that was pushed. */
export interface Pushed {
  readonly digest: string;
  readonly mediaType: string;
}

export interface ImageOptions {
  /** Seed: the digest depends on it, on the platforms and on `created` alone. Default: the tag. */
  readonly content?: string;
  /** Such as `['linux/amd64', 'linux/arm64/v8']`: the tag then names an index, even of one. Default: one image, no index. */
  readonly platforms?: readonly string[];
  /** When it says that it was built, RFC 3339. Default: it does not say. */
  readonly created?: string;
}

/** How a registry wants to be signed in to: the section `auth` of its configuration. */
export interface RegistryAuth {
  readonly kind: 'htpasswd' | 'token';
  readonly settings: Readonly<Record<string, string>>;
  /** A file that it reads, and the setting that names it: `path` of htpasswd, `rootcertbundle` of token. */
  readonly file: { readonly setting: string; readonly content: string };
  /** Authorization header with which `pushImage`, `pushIndex` and `deleteManifest` come. */
  readonly authorization: string;
}

/** The server alone, wherever it runs. */
export interface RegistryServer {
  /** `127.0.0.1:PORT`, as it stands in a reference. */
  readonly host: string;
  /** Starts it again on the same port; what was pushed is lost unless it is `persistent`. */
  restart(): Promise<void>;
  /** Ends it the hard way (default SIGKILL); `restart()` brings it back. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  stop(): Promise<void>;
}

/** A real registry (distribution), plain HTTP, deletion allowed, in memory unless `persistent`. */
export interface RunningRegistry extends RegistryServer {
  /** Pushes a tiny image by plain HTTP PUTs: fast and deterministic. */
  pushImage(repository: string, tag: string, options?: ImageOptions): Promise<Pushed>;
  /** Pushes an index; `platforms` defaults to linux/amd64 and linux/arm64. */
  pushIndex(repository: string, tag: string, options?: ImageOptions): Promise<Pushed>;
  /** Deletes a manifest by digest, and with it every tag that names it. */
  deleteManifest(repository: string, digest: string): Promise<void>;
  /** Pushes as a user would: an OCI layout on disk, copied by the real `skopeo`. Slower than `pushImage`. */
  skopeoCopy(repository: string, tag: string, options?: ImageOptions): Promise<Pushed>;
}

/** Starts a real, empty registry on a free port of 127.0.0.1; open to all unless `auth` says otherwise. */
export async function startRegistry(
  options: { persistent?: boolean; auth?: RegistryAuth } = {},
): Promise<RunningRegistry> {
  const { auth } = options;
  const server =
    (await testBackend()) === 'containers'
      ? await startRegistryContainer(auth)
      : await startEmbedded(options.persistent === true, auth);
  const { host } = server;
  const to: Target = { host, headers: auth === undefined ? {} : { authorization: auth.authorization } };
  const pushImage = (repository: string, tag: string, { content = tag, platforms, created }: ImageOptions = {}) =>
    push(to, repository, tag, { seed: content, platforms, created });
  return {
    ...server,
    pushImage,
    pushIndex: (repository, tag, image = {}) =>
      pushImage(repository, tag, { platforms: ['linux/amd64', 'linux/arm64'], ...image }),
    deleteManifest: (repository, digest) => deleteManifest(to, repository, digest),
    skopeoCopy: (repository, tag, { content = tag, platforms, created } = {}) =>
      copyWithSkopeo(`${host}/${repository}:${tag}`, { seed: content, platforms, created }),
  };
}

/** A registry to push to, and how. */
interface Target {
  host: string;
  headers: Record<string, string>;
}

async function startEmbedded(persistent: boolean, auth: RegistryAuth | undefined): Promise<RegistryServer> {
  const binary = [
    process.env['REGISTRY_BIN'],
    '/usr/bin/docker-registry',
    '/usr/bin/registry',
    '/usr/local/bin/registry',
  ].find((path) => path !== undefined && existsSync(path));
  if (binary === undefined) {
    throw new Error(
      'These tests need a registry: install it (Debian: apt-get install docker-registry) or set REGISTRY_BIN',
    );
  }
  const folder = await mkdtemp(join(tmpdir(), 'dtm-registry-'));
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const configuration = join(folder, 'config.yml');
  const authFile = join(folder, 'auth');
  if (auth !== undefined) await writeFile(authFile, auth.file.content);
  await writeFile(
    configuration,
    `version: 0.1
log: { level: warn, accesslog: { disabled: true } }
storage:
  ${persistent ? `filesystem: { rootdirectory: ${JSON.stringify(join(folder, 'data'))} }` : 'inmemory: {}'}
  delete: { enabled: true }
http: { addr: ${JSON.stringify(host)} }
${auth === undefined ? '' : `auth: ${JSON.stringify({ [auth.kind]: { ...auth.settings, [auth.file.setting]: authFile } })}\n`}`,
  );
  const start = async () => {
    const server = new ServerProcess({ name: 'docker-registry', command: binary, args: ['serve', configuration] });
    await server.ready(async () => {
      const answer = await fetch(`http://${host}/v2/`).catch(() => undefined);
      await answer?.body?.cancel();
      return answer?.status === (auth === undefined ? 200 : 401);
    }, 30_000);
    return server;
  };
  let running = await start();
  return {
    host,
    async restart() {
      await running.stop();
      running = await start();
    },
    async kill(signal = 'SIGKILL') {
      await running.kill(signal);
    },
    async stop() {
      await running.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function push(
  to: Target,
  repository: string,
  tag: string,
  { seed, platforms, created }: ImageSource,
): Promise<Pushed> {
  const images = (platforms ?? ['linux/amd64']).map((platform) => buildImage(seed, parsePlatform(platform), created));
  const blobs = new Map(images.flatMap((image) => image.blobs).map((blob) => [blob.digest, blob]));
  await Promise.all([...blobs.values()].map((blob) => putBlob(to, repository, blob)));
  const [first] = images;
  if (platforms === undefined && first !== undefined) return putManifest(to, repository, tag, first.manifest);
  for (const { manifest } of images) await putManifest(to, repository, manifest.digest, manifest);
  return putManifest(to, repository, tag, buildIndex(images));
}

async function putBlob({ host, headers }: Target, repository: string, blob: Content): Promise<void> {
  const base = `http://${host}/v2/${repository}/blobs`;
  const opened = await fetch(`${base}/uploads/`, { method: 'POST', headers });
  await expectStatus(opened, 202, `open an upload to ${repository}`);
  const location = new URL(opened.headers.get('location') ?? '', base);
  location.searchParams.set('digest', blob.digest);
  const put = await fetch(location, {
    method: 'PUT',
    body: new Uint8Array(blob.bytes),
    headers: { ...headers, 'content-type': 'application/octet-stream' },
  });
  await expectStatus(put, 201, `put blob ${blob.digest} to ${repository}`);
}

async function putManifest(
  { host, headers }: Target,
  repository: string,
  name: string,
  manifest: Content,
): Promise<Pushed> {
  const put = await fetch(`http://${host}/v2/${repository}/manifests/${name}`, {
    method: 'PUT',
    body: new Uint8Array(manifest.bytes),
    headers: { ...headers, 'content-type': manifest.mediaType },
  });
  await expectStatus(put, 201, `put manifest ${repository}:${name}`);
  return { digest: manifest.digest, mediaType: manifest.mediaType };
}

async function deleteManifest({ host, headers }: Target, repository: string, digest: string): Promise<void> {
  const answer = await fetch(`http://${host}/v2/${repository}/manifests/${digest}`, {
    method: 'DELETE',
    headers,
  });
  await expectStatus(answer, 202, `delete ${repository}@${digest}`);
}

async function expectStatus(response: Response, status: number, what: string): Promise<void> {
  const body = await response.text();
  if (response.status !== status) throw new Error(`${what}: the registry answers ${response.status}: ${body}`);
}
