import { RepositoryName } from '@dtm/oci';
import { AdapterChooser, type AdapterChooserOptions } from '../adapters/chooser/adapter-chooser.ts';
import type { AdapterFamily } from '../adapters/chooser/registry-families.ts';
import type { RegistryAdapter } from '../adapters/adapter.ts';
import type { RegistryCredentials } from '../registry-access.ts';
import type { RegistryClient } from '../registry-client.ts';
import { ScriptedRegistry } from './scripted-registry.ts';
import { clientOf } from './test-client.ts';

export interface SceneOptions extends Omit<AdapterChooserOptions, 'credentialsOf' | 'families'> {
  /** Of the scripted registry; the client has them too. */
  credentials?: RegistryCredentials;
  now?: () => Date;
}

/** A scripted registry that is taken for one of a family, and the adapter that asks it. */
export class ScriptedScene {
  readonly registry: ScriptedRegistry;
  readonly client: RegistryClient;
  readonly chooser: AdapterChooser;
  readonly name: RepositoryName;

  private constructor(
    registry: ScriptedRegistry,
    family: AdapterFamily | null,
    repository: string,
    options: SceneOptions,
  ) {
    const { credentials, ...rest } = options;
    this.registry = registry;
    this.client = clientOf({
      insecure: { [registry.host]: credentials === undefined ? {} : { credentials } },
      ...(options.now === undefined ? {} : { now: options.now }),
    });
    this.chooser = new AdapterChooser(this.client, {
      ...rest,
      ...(family === null ? {} : { families: { [registry.host]: family } }),
      credentialsOf: () => credentials,
    });
    this.name = RepositoryName.of(registry.host, repository);
  }

  /** `family` null: it has to be learned. APIs at other hosts are given as paths of this one by `hosts`. */
  static async start(
    family: AdapterFamily | null,
    repository: string,
    options: SceneOptions | ((host: string) => SceneOptions) = {},
  ): Promise<ScriptedScene> {
    const registry = await ScriptedRegistry.start();
    const given = typeof options === 'function' ? options(registry.host) : options;
    return new ScriptedScene(registry, family, repository, given);
  }

  get adapter(): RegistryAdapter {
    return this.chooser.adapterFor(this.name);
  }

  /** Ends it; throws where the script was not followed. */
  async end(): Promise<void> {
    await this.client.close();
    await this.registry.close();
    this.registry.verify();
  }
}
