import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MEDIA_TYPES, type Reference } from '@dtm/oci';
import { digestOf, failureOf, ScriptedScene, type ScriptedStep } from '../../testing/index.ts';

describe("facts of Docker Hub's images", () => {
  let scene: ScriptedScene;
  let reference: Reference;
  const details = {
    name: '1.27',
    digest: digestOf('index'),
    media_type: `${MEDIA_TYPES.dockerManifestList}; charset=utf-8`,
    content_type: 'image',
    full_size: 1,
    last_updated: '2026-11-20T12:00:00Z',
    images: [
      { os: 'linux', architecture: 'arm', variant: 'v7', digest: digestOf('arm'), size: 900, status: 'active' },
      { os: 'linux', architecture: 'amd64', variant: null, digest: digestOf('amd64'), size: 1000, os_version: null },
      { os: 'unknown', architecture: 'unknown', digest: digestOf('attestation'), size: 5 },
      { os: 'windows', architecture: 'amd64', digest: null, size: -1 },
      'nonsense',
    ],
  };
  const tag = (step: Partial<ScriptedStep> | object): ScriptedStep => ({
    method: 'GET',
    path: '/v2/repositories/library/nginx/tags/1.27',
    ...('digest' in step ? { body: JSON.stringify(step) } : step),
  });

  beforeEach(async () => {
    scene = await ScriptedScene.start('docker-hub', 'library/nginx', (host) => ({
      hosts: { dockerHub: new URL(`http://${host}`) },
    }));
    reference = scene.name.tag('1.27');
  });

  // A manifest that was asked for would be an unexpected request.
  afterEach(() => scene.end());

  it('are what its API tells of the tag: one request, and no pull', async () => {
    scene.registry.expect(tag(details));
    expect(await scene.chooser.facts(reference, digestOf('index'))).toEqual({
      source: 'docker-hub',
      mediaType: MEDIA_TYPES.dockerManifestList,
      size: 1000,
      platforms: [
        { os: 'linux', architecture: 'arm', variant: 'v7', digest: digestOf('arm'), size: 900 },
        { os: 'linux', architecture: 'amd64', digest: digestOf('amd64'), size: 1000 },
        { os: 'windows', architecture: 'amd64' },
      ],
      createdAt: null,
      requests: 1,
    });
  });

  it('name no digest of the one platform of an image that is no index', async () => {
    scene.registry.expect(
      tag({ digest: digestOf('one'), images: [{ os: 'linux', architecture: 'arm64', digest: digestOf('one') }] }),
    );
    expect(await scene.chooser.facts(reference, digestOf('one'))).toEqual({
      source: 'docker-hub',
      mediaType: '',
      size: null,
      platforms: [{ os: 'linux', architecture: 'arm64' }],
      createdAt: null,
      requests: 1,
    });
  });

  it.each<[string, Partial<ScriptedStep> | object, string]>([
    ['the API names another digest for the tag', { ...details, digest: digestOf('newer') }, 'not-found'],
    ['the API names none', { ...details, digest: null }, 'not-found'],
    ['the tag is gone', { status: 404, body: '{}' }, 'not-found'],
    ['the API answers something else', { status: 200, body: '[]' }, 'bad-answer'],
    ['the API is broken', { status: 502 }, 'server-error'],
  ])('are not to be had where %s', async (_what, step, code) => {
    scene.registry.expect(tag(step));
    expect(await failureOf(scene.chooser.facts(reference, digestOf('index')))).toMatchObject({ code, requests: 1 });
  });
});

it('of every other registry they are read from the manifest', async () => {
  const scene = await ScriptedScene.start('quay', 'team/app');
  const body = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [] });
  const digest = digestOf(body);
  scene.registry.expect({
    method: 'GET',
    path: `/v2/team/app/manifests/${digest}`,
    body,
    headers: { 'content-type': MEDIA_TYPES.ociIndex },
  });
  const facts = await scene.chooser.facts(scene.name.tag('1.0'), digest);
  expect(facts).toMatchObject({ source: 'manifest', platforms: [], requests: 1 });
  await scene.end();
});
