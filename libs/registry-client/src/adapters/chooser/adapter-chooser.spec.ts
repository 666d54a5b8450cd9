import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RepositoryName } from '@dtm/oci';
import { clientOf, headOf, ScriptedScene, type ScriptedStep, scanOf } from '../../testing/index.ts';
import { AdapterChooser } from './adapter-chooser.ts';

describe('AdapterChooser, by host', () => {
  it.each([
    ['docker.io/library/nginx', 'docker-hub'],
    ['quay.io/team/app', 'quay'],
    ['gcr.io/team/app', 'google'],
    ['eu.gcr.io/team/app', 'google'],
    ['europe-west1-docker.pkg.dev/project/team/app', 'google'],
    ['registry.k8s.io/pause', 'google'],
    ['mcr.microsoft.com/dotnet/sdk', 'mcr'],
    ['public.ecr.aws/docker/library/nginx', 'ecr-public'],
    ['example.azurecr.io/team/app', 'acr'],
    ['cgr.dev/chainguard/python', 'chainguard'],
    ['ghcr.io/acme/app', 'oci'],
    ['registry.gitlab.com/acme/app', 'oci'],
    ['evil-gcr.io/team/app', 'oci'],
    ['docker.io.example.com/library/nginx', 'oci'],
    ['notazurecr.io/team/app', 'oci'],
  ])('%s is asked by %s', async (text, adapter) => {
    const client = clientOf({});
    const name = RepositoryName.parse(text);
    if (!(name instanceof RepositoryName)) throw new Error(text);
    const chooser = new AdapterChooser(client);
    expect(chooser.adapterFor(name).name).toBe(adapter);
    expect(chooser.adapterFor(name)).toBe(chooser.adapterFor(name));
    await client.close();
  });

  it('asks GHCR by its API where there is a token', async () => {
    const client = clientOf({});
    const credentialsOf = (): { username: string; password: string } => ({ username: 'me', password: 'ghp_x' });
    const chooser = new AdapterChooser(client, { credentialsOf });
    expect(chooser.adapterFor(RepositoryName.of('ghcr.io', 'acme/app')).name).toBe('ghcr');
    await client.close();
  });
});

describe('AdapterChooser, by what a registry shows', () => {
  let scene: ScriptedScene;
  let clock: Date;
  const recorded = { latest: 'a', '1.0': 'b' };
  const tags = Object.keys(recorded);
  const query = '{ImageList(repo:"team/app",requestedPage:{limit:1,offset:0}){Results{RepoName Tag Digest}}}';
  const probe = (step: Partial<ScriptedStep>): ScriptedStep => ({
    method: 'GET',
    path: `/v2/_zot/ext/search?${new URLSearchParams({ query }).toString()}`,
    ...step,
  });
  const heads = (step: Partial<ScriptedStep> = {}): void => {
    for (const [tag, content] of Object.entries(recorded)) {
      const head = headOf('team/app', tag, content);
      scene.registry.expect({ ...head, ...step, headers: { ...head.headers, ...step.headers } });
    }
  };
  /** The first answer asks for a token, which the registry hands out itself. */
  const challenged = (challenge: string, tokenPath: string): void => {
    const first = headOf('team/app', 'latest', 'a');
    scene.registry.expect({ ...first, authorization: null, status: 401, headers: { 'www-authenticate': challenge } });
    scene.registry.expect({ method: 'GET', path: tokenPath, body: '{"token":"T"}' });
    heads({ authorization: 'Bearer T' });
  };
  const scan = async (): Promise<number> =>
    (await scanOf(scene.adapter, scene.name, { tags, recorded })).summary.requests;

  beforeEach(async () => {
    clock = new Date();
    scene = await ScriptedScene.start(null, 'team/app', { now: () => clock });
  });

  afterEach(() => scene.end());

  it('asks a registry of no known kind tag by tag, and looks once a day what it is', async () => {
    heads();
    scene.registry.expect(probe({ status: 404 }));
    expect(await scan()).toBe(3);
    heads();
    expect(await scan()).toBe(2);
    clock = new Date(clock.getTime() + 25 * 60 * 60 * 1000);
    heads();
    scene.registry.expect(probe({ status: 404 }));
    expect(await scan()).toBe(3);
    expect(scene.adapter.name).toBe('oci');
  });

  it('recognises zot by its search', async () => {
    heads();
    scene.registry.expect(probe({ body: '{"data":{"ImageList":{"Results":[]}}}' }));
    expect(scene.adapter.name).toBe('oci');
    await scan();
    expect(scene.adapter.name).toBe('zot');
  });

  it('recognises Harbor by whom its tokens are for, without a request', async () => {
    const { host } = scene.registry;
    const challenge = `Bearer realm="http://${host}/service/token",service="harbor-registry",scope="repository:team/app:pull"`;
    challenged(challenge, '/service/token?service=harbor-registry&scope=repository%3Ateam%2Fapp%3Apull');
    expect(await scan()).toBe(4);
    expect(scene.adapter.name).toBe('harbor');
  });

  it('recognises Quay by where its tokens come from', async () => {
    const { host } = scene.registry;
    const challenge = `Bearer realm="http://${host}/v2/auth",service="${host}",scope="repository:team/app:pull"`;
    const service = encodeURIComponent(host);
    challenged(challenge, `/v2/auth?service=${service}&scope=repository%3Ateam%2Fapp%3Apull`);
    await scan();
    expect(scene.adapter.name).toBe('quay');
  });

  it('recognises Artifactory, which has nothing better', async () => {
    heads({ headers: { 'x-jfrog-version': 'Artifactory/7.90.0' } });
    expect(await scan()).toBe(2);
    expect(scene.adapter.name).toBe('oci');
    heads();
    expect(await scan()).toBe(2);
  });

  it('asks nothing more of one that gave no answer, or of which one tag is wanted', async () => {
    for (const tag of tags) scene.registry.expect(headOf('team/app', tag, null));
    expect(await scan()).toBe(2);
    scene.registry.expect(headOf('team/app', 'latest', 'a'));
    await scanOf(scene.adapter, scene.name, { tags: ['latest'], recorded });
  });

  it('takes what is no search for none', async () => {
    heads();
    scene.registry.expect(probe({ status: 200, body: '<html>' }));
    await scan();
    heads();
    expect(await scan()).toBe(2);
  });

  it('does not look where that is switched off', async () => {
    await scene.end();
    scene = await ScriptedScene.start(null, 'team/app', { learn: false });
    heads();
    expect(await scan()).toBe(2);
  });

  it('looks once, however many scans run at a time', async () => {
    heads();
    heads();
    scene.registry.expect(probe({ status: 404 }));
    const requests = await Promise.all([scan(), scan()]);
    expect(requests.reduce((sum, some) => sum + some, 0)).toBe(5);
  });
});
