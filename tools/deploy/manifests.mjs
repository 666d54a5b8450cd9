/** @typedef {import('./toolbox.mjs').Toolbox} Toolbox */
/** @typedef {{ name: string, manifests: any[] }} Rendered */

/** Where the types of a kind come from, by API group; the core group has none in its name. */
const TYPES_OF = {
  'gateway.networking.k8s.io': '@kubernetes-models/gateway-api',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
};
/** Kinds of operators for which there are no types to check with. */
const WITHOUT_TYPES = new Set(['Cluster.postgresql.cnpg.io']);

/** Types and required fields of every manifest, as the API server would see them. @param {Toolbox} toolbox @param {Rendered[]} rendered */
export async function checkTypes(toolbox, rendered) {
  const faults = [];
  const unchecked = new Set();
  let count = 0;
  for (const { name, manifests } of rendered) {
    for (const manifest of manifests) {
      const [group, version] = groupOf(manifest.apiVersion);
      if (WITHOUT_TYPES.has(`${manifest.kind}.${group}`)) {
        unchecked.add(`${manifest.kind} (${manifest.apiVersion})`);
        continue;
      }
      const owner = Object.hasOwn(TYPES_OF, group)
        ? TYPES_OF[/** @type {keyof typeof TYPES_OF} */ (group)]
        : 'kubernetes-models';
      const path = [owner, group, version, `${manifest.kind}.js`].filter((part) => part !== '').join('/');
      const { [manifest.kind]: Kind } = await toolbox.importFile(path);
      try {
        new Kind(structuredClone(manifest)).validate();
        count++;
      } catch (error) {
        faults.push(`${name}: ${label(manifest)}: ${error instanceof Error ? error.message : error}`);
      }
    }
  }
  if (faults.length > 0) throw new Error(faults.join('\n'));
  const without = unchecked.size === 0 ? '' : `, no types to check ${[...unchecked].join(', ')}`;
  return `${count} manifests${without}`;
}

/** Fields that Kubernetes does not know: a server would drop them or refuse the manifest. @param {Toolbox} toolbox @param {Rendered[]} rendered */
export async function checkUnknownFields(toolbox, rendered) {
  const client = await toolbox.import('@kubernetes/client-node');
  const faults = [];
  let count = 0;
  for (const { name, manifests } of rendered) {
    for (const manifest of manifests) {
      const [, version] = groupOf(manifest.apiVersion);
      const Model = client[`${version[0]?.toUpperCase()}${version.slice(1)}${manifest.kind}`];
      if (Model === undefined) continue;
      count++;
      for (const field of unknownFields(client, Model, manifest, ''))
        faults.push(`${name}: ${label(manifest)}: ${field}`);
    }
  }
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return `${count} manifests`;
}

/** @param {any} client @param {any} Model @param {any} value @param {string} path @returns {Generator<string>} */
function* unknownFields(client, Model, value, path) {
  const types = new Map(Model.getAttributeTypeMap().map((/** @type {any} */ one) => [one.baseName, one.type]));
  for (const [field, inner] of Object.entries(value)) {
    const type = types.get(field);
    const at = path === '' ? field : `${path}.${field}`;
    if (type === undefined) yield at;
    else yield* inType(client, type, inner, at);
  }
}

/** @param {any} client @param {string} type @param {any} value @param {string} path @returns {Generator<string>} */
function* inType(client, type, value, path) {
  const [, each] = /^Array<(.+)>$/.exec(type) ?? [];
  if (each !== undefined) {
    for (const [i, one] of Object.entries(value)) yield* inType(client, each, one, `${path}[${i}]`);
  } else if (client[type]?.getAttributeTypeMap !== undefined && value !== null && typeof value === 'object') {
    yield* unknownFields(client, client[type], value, path);
  }
}

const MOST_NAME = 63;

/** What neither types nor Helm see: the restricted profile, references between manifests, labels and names. @param {Rendered[]} rendered */
export function checkSense(rendered) {
  const faults = [];
  for (const { name, manifests } of rendered) {
    const seen = new Set();
    for (const manifest of manifests) {
      const key = label(manifest);
      const fault = (/** @type {string} */ words) => faults.push(`${name}: ${key}: ${words}`);
      if (seen.has(key)) fault('is there twice');
      seen.add(key);
      if (manifest.metadata.name.length > MOST_NAME) fault('has a name that is too long');
      for (const [label, value] of Object.entries(manifest.metadata.labels ?? {})) {
        if (!/^$|^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(String(value)))
          fault(`has the label ${label}=${value}`);
      }
      const pod = podOf(manifest);
      if (pod === null) continue;
      for (const words of podFaults(pod, manifests)) fault(words);
      const selector = manifest.spec.selector?.matchLabels;
      const labels = manifest.spec.template?.metadata?.labels ?? {};
      if (selector && !Object.entries(selector).every(([one, value]) => labels[one] === value))
        fault('selects other pods than its own');
    }
    for (const service of manifests.filter(({ kind }) => kind === 'Service')) {
      const chosen = manifests.filter(
        (one) => podOf(one) !== null && matches(service.spec.selector, one.spec.template?.metadata.labels),
      );
      if (chosen.length !== 1) faults.push(`${name}: ${label(service)}: selects ${chosen.length} workloads`);
      for (const { targetPort } of service.spec.ports) {
        const ports = chosen.flatMap((one) => podOf(one).containers).flatMap(({ ports = [] }) => ports);
        if (!ports.some((/** @type {any} */ port) => port.name === targetPort))
          faults.push(`${name}: ${label(service)}: no container has the port ${targetPort}`);
      }
    }
  }
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return `${rendered.length} sets of values`;
}

/** @param {any} pod @param {any[]} manifests @returns {Generator<string>} */
function* podFaults(pod, manifests) {
  const security = pod.securityContext ?? {};
  if (security.runAsNonRoot !== true || security.runAsUser !== 65532) yield 'may run as root';
  if (security.seccompProfile?.type !== 'RuntimeDefault') yield 'has no seccomp profile';
  if (pod.automountServiceAccountToken !== false) yield 'has a token of the Kubernetes API';
  const volumes = new Map((pod.volumes ?? []).map((/** @type {any} */ volume) => [volume.name, volume]));
  for (const claim of pod.claims ?? []) volumes.set(claim, {});
  for (const container of pod.containers) {
    const { allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities } = container.securityContext ?? {};
    if (allowPrivilegeEscalation !== false) yield `${container.name} may gain privileges`;
    if (readOnlyRootFilesystem !== true) yield `${container.name} may write to its file system`;
    if (capabilities?.drop?.[0] !== 'ALL') yield `${container.name} keeps capabilities`;
    if (container.resources?.requests === undefined || container.resources?.limits?.memory === undefined)
      yield `${container.name} has no requests or no limit of memory`;
    for (const { name } of container.volumeMounts ?? [])
      if (!volumes.has(name)) yield `${container.name} mounts ${name}, which is no volume`;
    const names = (container.env ?? []).map((/** @type {any} */ one) => one.name);
    const twice = names.find((/** @type {string} */ one, /** @type {number} */ i) => names.indexOf(one) !== i);
    if (twice !== undefined) yield `${container.name} has ${twice} twice in its environment`;
  }
  const has = (/** @type {string} */ kind, /** @type {string} */ name) =>
    manifests.some((one) => one.kind === kind && one.metadata.name === name);
  for (const volume of volumes.values()) {
    if (volume.configMap && !has('ConfigMap', volume.configMap.name))
      yield `mounts the ConfigMap ${volume.configMap.name}, which is not there`;
  }
}

/** The pod that a workload makes; null for every other kind. @param {any} manifest */
function podOf({ kind, spec }) {
  if (kind === 'CronJob') return spec.jobTemplate.spec.template.spec;
  if (kind === 'StatefulSet') {
    const claims = (spec.volumeClaimTemplates ?? []).map((/** @type {any} */ one) => one.metadata.name);
    return { ...spec.template.spec, claims };
  }
  return kind === 'Deployment' || kind === 'Job' ? spec.template.spec : null;
}

/** @param {Record<string, string>} selector @param {Record<string, string> | undefined} labels */
function matches(selector, labels) {
  return labels !== undefined && Object.entries(selector).every(([name, value]) => labels[name] === value);
}

/** @param {string} apiVersion @returns {[group: string, version: string]} */
function groupOf(apiVersion) {
  const [first = '', second] = apiVersion.split('/');
  return second === undefined ? ['', first] : [first, second];
}

function label(/** @type {any} */ manifest) {
  return `${manifest.kind}/${manifest.metadata.name}`;
}
