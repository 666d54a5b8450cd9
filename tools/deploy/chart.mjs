import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { ROOT } from './generated.mjs';
import { cacheFolder } from './toolbox.mjs';

/** @typedef {import('./toolbox.mjs').Toolbox} Toolbox */

const CHART = join(ROOT, 'charts', 'docker-tag-monitor');
const VALUES = join(import.meta.dirname, 'values');
const GOLDEN = join(import.meta.dirname, 'golden');
/** Helm 3.10 would ask the templates for Kubernetes 1.25. */
const KUBERNETES = '1.31.0';

/** The sets of values that the chart is checked with. */
export function valueSets() {
  return readdirSync(VALUES)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => name.replace(/\.yaml$/, ''));
}

/**
 * The chart's output for each set of values.
 * @param {Toolbox} toolbox
 * @returns {Promise<{ name: string, text: string, manifests: any[] }[]>}
 */
export async function renderAll(toolbox) {
  return withReadableChart(async (chart, values) => {
    const rendered = [];
    for (const name of valueSets()) {
      const text = await toolbox.helm([
        'template',
        'monitor',
        chart,
        '--namespace',
        'tags',
        '--kube-version',
        KUBERNETES,
        '--values',
        join(values, `${name}.yaml`),
      ]);
      const documents = parseAllDocuments(text);
      for (const { errors } of documents) if (errors[0]) throw new Error(`${name}: ${errors[0].message}`);
      rendered.push({
        name,
        text,
        manifests: documents.map((document) => document.toJS()).filter((one) => one !== null),
      });
    }
    return rendered;
  });
}

/** `helm lint` over each set of values; a warning is a failure. @param {Toolbox} toolbox */
export async function lint(toolbox) {
  return withReadableChart(async (chart, values) => {
    for (const name of valueSets()) {
      const words = await toolbox.helm(['lint', '--strict', chart, '--values', join(values, `${name}.yaml`)]);
      if (/\[(?:WARNING|ERROR)\]/.test(words)) throw new Error(`${name}:\n${words}`);
    }
    return `${valueSets().length} sets of values`;
  });
}

/** What the chart must refuse, and in which words. */
const REFUSED = [
  { set: [], words: /set database\.external\.existingSecret/ },
  { set: ['database.external.existingSecret=a', 'database.cnpg.enabled=true'], words: /not both/ },
  { set: ['database.external.existingSecret=a', 'nats.enabled=false'], words: /nats\.external\.existingSecret/ },
  { set: ['database.external.existingSecret=a', 'nats.tls.enabled=true'], words: /nats\.tls\.existingSecret/ },
  { set: ['database.external.existingSecret=a', 'nats.replicas=2'], words: /nats\.replicas/ },
  { set: ['database.external.existingSecret=a', 'api.replikas=2'], words: /replikas/ },
  { set: ['database.external.existingSecret=a', 'config.SCRAPE_INTERVALL=2h'], words: /SCRAPE_INTERVALL/ },
  { set: ['database.external.existingSecret=a', 'config.DATABASE_URL=x'], words: /DATABASE_URL/ },
  ...['operator', 'fetcher', 'projector'].map((name) => ({
    set: [
      'database.external.existingSecret=a',
      `nats.subscribers[0].name=${name}`,
      'nats.subscribers[0].consumers[0].name=x',
    ],
    words: new RegExp(`${name} is the name of a user`),
  })),
  {
    set: [
      'database.external.existingSecret=a',
      'nats.subscribers[0].name=x',
      'nats.subscribers[0].consumers[0].name=a.>',
    ],
    words: /consumers/,
  },
];

/** @param {Toolbox} toolbox */
export async function refusals(toolbox) {
  return withReadableChart(async (chart) => {
    for (const { set, words } of REFUSED) {
      const args = [
        'template',
        'monitor',
        chart,
        '--kube-version',
        KUBERNETES,
        ...set.flatMap((one) => ['--set', one]),
      ];
      const said = await toolbox.helm(args).then(
        () => null,
        (error) => String(error),
      );
      if (said === null) throw new Error(`accepted: ${set.join(', ')}`);
      if (!words.test(said)) throw new Error(`${set.join(', ')} is refused in other words than ${words}:\n${said}`);
    }
    return `${REFUSED.length} wrong sets of values`;
  });
}

/** `helm package`, and the package holds what templates read. @param {Toolbox} toolbox */
export async function packageChart(toolbox) {
  return withReadableChart(async (chart, _values, scratch) => {
    const out = join(scratch, 'packed');
    await toolbox.helm(['package', chart, '--destination', join(toolbox.folder, 'home')]);
    const made = readdirSync(join(toolbox.folder, 'home')).filter((name) => name.endsWith('.tgz'));
    for (const name of made) rmSync(join(toolbox.folder, 'home', name));
    rmSync(out, { recursive: true, force: true });
    if (made.length !== 1) throw new Error(`helm package made ${made.join(', ') || 'nothing'}`);
    return made[0];
  });
}

/** Compares with what was looked at when it was committed. @param {{ name: string, text: string }[]} rendered */
export function compareGolden(rendered) {
  const faults = [];
  const expected = new Set(rendered.map(({ name }) => `${name}.yaml`));
  for (const name of readdirSync(GOLDEN))
    if (!expected.has(name)) faults.push(`golden/${name} belongs to no set of values`);
  for (const { name, text } of rendered) {
    const path = join(GOLDEN, `${name}.yaml`);
    const golden = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
    const lines = goldenOf(text).split('\n');
    const at = lines.findIndex((line, i) => line !== golden[i]);
    if (at >= 0) faults.push(`${name}.yaml:${at + 1} is "${lines[at]}", was "${golden[at] ?? ''}"`);
    else if (golden.length !== lines.length) faults.push(`${name}.yaml has another length`);
  }
  if (faults.length > 0) {
    throw new Error(
      `${faults.join('\n')}\nIf that is meant: node tools/deploy/write.mjs --golden, and look at the diff`,
    );
  }
  return `${rendered.length} files`;
}

/** Rendered text without what is random by intent: the passwords that the chart makes. */
export function goldenOf(/** @type {string} */ text) {
  return text.replace(/\bp[A-Za-z0-9]{40}\b/g, 'p<40 random characters>');
}

/**
 * Helm runs as another user, who may not be able to read this checkout.
 * @template T
 * @param {(chart: string, values: string, scratch: string) => Promise<T>} work
 */
async function withReadableChart(work) {
  const scratch = mkdtempSync(join(cacheFolder(), 'chart-'));
  try {
    chmodSync(scratch, 0o755);
    cpSync(CHART, join(scratch, 'docker-tag-monitor'), { recursive: true });
    cpSync(VALUES, join(scratch, 'values'), { recursive: true });
    return await work(join(scratch, 'docker-tag-monitor'), join(scratch, 'values'), scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
