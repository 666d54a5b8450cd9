import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, ServerProcess } from '@dtm/embedded';
import { inParallel } from './fill.mjs';
import { manifestOf, MEDIA_TYPE, tagsOf } from './manifests.mjs';

/** Where the registry's program is, undefined where this machine has none. */
export function findRegistry() {
  const usual = ['/usr/bin/docker-registry', '/usr/bin/registry', '/usr/local/bin/registry'];
  return [process.env.REGISTRY_BIN, ...usual].find((path) => path !== undefined && existsSync(path));
}

/** The real registry (distribution), in memory. @param {string} binary */
export async function startDockerRegistry(binary) {
  const folder = await mkdtemp(join(tmpdir(), 'dtm-bench-registry-'));
  const host = `127.0.0.1:${await freePort()}`;
  const configuration = join(folder, 'config.yml');
  await writeFile(
    configuration,
    `version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { inmemory: {} }
http: { addr: ${JSON.stringify(host)} }
`,
  );
  const server = new ServerProcess({ name: 'docker-registry', command: binary, args: ['serve', configuration] });
  await server.ready(async () => {
    const answer = await fetch(`http://${host}/v2/`).catch(() => undefined);
    await answer?.body?.cancel();
    return answer?.status === 200;
  }, 30_000);
  return {
    host,
    /** @param {import('./manifests.mjs').TagSet} set */
    async serve(set) {
      await inParallel(tagsOf(set), 16, async ({ repository, tag }) => {
        const answer = await fetch(`http://${host}/v2/${repository}/manifests/${tag}`, {
          method: 'PUT',
          headers: { 'content-type': MEDIA_TYPE },
          body: manifestOf(repository, tag, 0),
        });
        if (answer.status !== 201) throw new Error(`put ${repository}:${tag}: ${answer.status} ${await answer.text()}`);
        await answer.body?.cancel();
      });
    },
    async stop() {
      await server.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
