// What is written from something else: copies in the chart, the chart's README, its schema's list of variables.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { parse } from 'yaml';

export const ROOT = join(import.meta.dirname, '..', '..');
const CHART = 'charts/docker-tag-monitor';

/** Files that the chart must hold, as it can read none outside of itself. */
const COPIES = {
  [`${CHART}/files/nats-users.conf`]: 'infra/nats-users.conf',
  [`${CHART}/files/alerts.yaml`]: 'infra/grafana/alerts.yaml',
  [`${CHART}/files/dashboard.json`]: 'infra/grafana/dashboard.json',
};

/** Set by the chart itself, given as secrets, or of one service alone. */
const NOT_IN_CONFIG = new Set(
  'PORT SERVICE_PORT DATA_DIR DATABASE_URL DATABASE_READ_URL NATS_URL NATS_REPLICAS STATIC_DIR ADMIN_TOKEN DOCKERHUB_USERNAME DOCKERHUB_PASSWORD REGISTRIES_FILE DOCKER_CONFIG_FILE OTEL_EXPORTER_OTLP_HEADERS OTEL_EXPORTER_OTLP_TRACES_HEADERS OTEL_SERVICE_NAME'.split(
    ' ',
  ),
);

/** Every generated file by its path from the root, as it must be. @returns {Promise<Map<string, string>>} */
export async function generatedFiles() {
  const files = new Map();
  for (const [to, from] of Object.entries(COPIES)) files.set(to, read(from));
  const schema = JSON.parse(read(`${CHART}/values.schema.json`));
  schema.properties.config.propertyNames.enum = variables();
  files.set(`${CHART}/values.schema.json`, await pretty(JSON.stringify(schema), 'json'));
  files.set(`${CHART}/README.md`, await pretty(readme(schema, parse(read(`${CHART}/values.yaml`))), 'markdown'));
  return files;
}

function read(/** @type {string} */ path) {
  return readFileSync(join(ROOT, path), 'utf8');
}

function pretty(/** @type {string} */ text, /** @type {string} */ parser) {
  const style = JSON.parse(read('.prettierrc.json'));
  return format(text, { ...style, parser });
}

/** The variables that the chart's `config` takes, from the page that is generated from the services' own table. */
function variables() {
  const names = [...read('docs/configuration.md').matchAll(/^\| `([A-Z][A-Z0-9_]*)` /gm)].map(([, name]) => name ?? '');
  return names.filter((name) => !NOT_IN_CONFIG.has(name));
}

/** @param {any} schema @param {any} values */
function readme(schema, values) {
  const { version, description } = parse(read(`${CHART}/Chart.yaml`));
  const rows = [...rowsOf(schema, schema, values, '')];
  return `# docker-tag-monitor

${description}. Version ${version}.

Generated from \`values.schema.json\` and \`values.yaml\` by \`node tools/deploy/write.mjs\`; do not edit by hand.

Needs Kubernetes 1.27 or newer, and one of: a PostgreSQL of yours, or the CloudNativePG operator. It brings NATS along, or
uses yours. How to install, back up, upgrade and scale: \`docs/deployment.md\`.

    helm install monitor oci://<registry>/charts/docker-tag-monitor --set database.external.existingSecret=monitor-database

A value that is not listed here is refused.

| value | type | default | meaning |
|---|---|---|---|
${rows.join('\n')}
`;
}

/** @param {any} root @param {any} schema @param {any} values @param {string} path @returns {Generator<string>} */
function* rowsOf(root, schema, values, path) {
  for (const [name, own] of Object.entries(schema.properties ?? {})) {
    if (path === '' && name === 'global') continue;
    const property = resolved(root, own);
    const full = path === '' ? name : `${path}.${name}`;
    const value = values?.[name];
    const type = property.enum
      ? property.enum.map((/** @type {unknown} */ one) => code(one)).join(', ')
      : [property.type].flat().join(' or ');
    const isGroup = property.type === 'object' && property.properties !== undefined;
    yield `| \`${full}\` | ${type} | ${isGroup ? '' : value === undefined ? 'unset' : code(value)} | ${cell(property.description ?? '')} |`;
    if (isGroup) yield* rowsOf(root, property, value, full);
    const items = property.items && resolved(root, property.items);
    if (items?.properties) yield* rowsOf(root, items, undefined, `${full}[]`);
  }
}

/** @param {any} root @param {any} schema */
function resolved(root, schema) {
  const reference = schema.$ref ?? schema.allOf?.[0]?.$ref;
  if (reference === undefined) return schema;
  const target = root.definitions[reference.replace('#/definitions/', '')];
  return { ...target, description: schema.description ?? target.description };
}

function code(/** @type {unknown} */ value) {
  return `\`${JSON.stringify(value)}\``;
}

function cell(/** @type {string} */ words) {
  return words.replaceAll('|', '\\|');
}
