import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MEDIA_TYPES, Reference, RepositoryName } from '@dtm/oci';
import { type RunningRegistry, startRegistry } from '@dtm/testing';
import { AdapterChooser } from './adapters/chooser/adapter-chooser.ts';
import type { RegistryClient } from './registry-client.ts';
import { clientOf, failureOf } from './testing/index.ts';

describe('RegistryClient with a real registry', () => {
  let registry: RunningRegistry;
  let client: RegistryClient;

  beforeAll(async () => {
    registry = await startRegistry();
    client = clientOf({ insecure: { [registry.host]: {} } });
  });

  afterAll(async () => {
    await client.close();
    await registry.stop();
  });

  it('sees what a tag points to, and that it moved', async () => {
    const reference = Reference.of(registry.host, 'team/app', '1.0');
    const image = await registry.pushImage('team/app', '1.0', { content: 'one' });
    const first = { outcome: 'present', digest: image.digest, mediaType: image.mediaType, source: 'head' };
    expect(await client.observe(reference)).toMatchObject(first);
    const index = await registry.pushIndex('team/app', '1.0', { content: 'two' });
    expect(index.digest).not.toBe(image.digest);
    expect(await client.observe(reference)).toMatchObject({
      digest: index.digest,
      mediaType: MEDIA_TYPES.ociIndex,
      requests: 1,
    });
    const manifest = await client.getManifest(reference.name, image.digest);
    expect(manifest).toMatchObject({ outcome: 'present', digest: image.digest });
  });

  it('tells a missing tag and a missing repository', async () => {
    await registry.pushImage('team/app', 'here');
    expect(await client.observe(Reference.of(registry.host, 'team/app', 'missing'))).toMatchObject({
      outcome: 'absent',
    });
    expect(await client.observe(Reference.of(registry.host, 'no/such', '1.0'))).toMatchObject({ outcome: 'absent' });
    expect(await failureOf(client.listTags(RepositoryName.of(registry.host, 'no/such')))).toMatchObject({
      code: 'not-found',
    });
  });

  it('finds it by name, as name resolution answers', async () => {
    const name = registry.host.replace('127.0.0.1', 'localhost');
    const pushed = await registry.pushImage('team/app', 'by-name');
    const byName = clientOf({ insecure: { [name]: {} } });
    expect(await byName.observe(Reference.of(name, 'team/app', 'by-name'))).toMatchObject({ digest: pushed.digest });
    await byName.close();
    const unlisted = clientOf({});
    expect(await failureOf(unlisted.observe(Reference.of(name, 'team/app', 'by-name')))).toMatchObject({
      code: 'refused',
    });
    await unlisted.close();
  });

  it('lists all tags', async () => {
    const tags = Array.from({ length: 25 }, (_, i) => `v${i}`);
    for (const tag of tags) await registry.pushImage('team/many', tag, { content: 'same' });
    const list = await client.listTags(RepositoryName.of(registry.host, 'team/many'));
    expect(list.complete).toBe(true);
    expect([...list.tags].sort()).toEqual([...tags].sort());
  });

  it('scans three thousand tags, and learns that there is no better way than to ask for each', async () => {
    const { digest, mediaType } = await registry.pushImage('team/thousands', 'first');
    const name = RepositoryName.of(registry.host, 'team/thousands');
    const manifest = await client.getManifest(name, digest);
    if (manifest.outcome === 'absent') throw new Error('what was pushed is not there');
    const tags = Array.from({ length: 3000 }, (_, i) => `v${i}`);
    const left = [...tags];
    const put = async (): Promise<void> => {
      for (let tag = left.pop(); tag !== undefined; tag = left.pop()) {
        const body = new Uint8Array(manifest.bytes);
        const url = `http://${registry.host}/v2/team/thousands/manifests/${tag}`;
        const answer = await fetch(url, { method: 'PUT', body, headers: { 'content-type': mediaType } });
        expect(answer.status).toBe(201);
        await answer.body?.cancel();
      }
    };
    await Promise.all(Array.from({ length: 8 }, put));
    const chooser = new AdapterChooser(client);
    expect((await chooser.adapterFor(name).listTags(name)).tags).toHaveLength(3001);
    const scan = chooser.adapterFor(name).scan(name, { tags, concurrency: 16 });
    const seen = new Set<string>();
    for (let next = await scan.next(); ; next = await scan.next()) {
      if (next.done === true) {
        // One more, to find out whether it is a zot.
        expect(next.value).toMatchObject({ listing: null, requests: 3001 });
        break;
      }
      expect(next.value).toMatchObject({ outcome: 'observed', observation: { digest } });
      seen.add(next.value.tag);
    }
    expect(seen.size).toBe(3000);
    expect(chooser.adapterFor(name).name).toBe('oci');
  }, 240_000);
});
