// Everything about deployment that can be checked here, in one command: npm run check:deploy
// What cannot run is shown as "skipped: <what>: <why>" and never counts as passed.
//
//   DTM_DEPLOY_CACHE  where the tools and, as root, the engine's images are kept
//   DTM_COMPOSE       a docker-compose program, where Docker has no plugin of that name
//   DTM_PROMTOOL      Prometheus' tool, where it is not on the PATH
//   DTM_NPMRC         a .npmrc for the builds, where npm needs one to reach its registry
//   --static          nothing that needs a container engine
import { compareGolden, lint, packageChart, refusals, renderAll } from './chart.mjs';
import { composeRun } from './compose-run.mjs';
import { ensureBaseImages, openEngine } from './engine.mjs';
import { ROOT } from './generated.mjs';
import { buildImages, inspectImages, webServerConfigurations } from './images.mjs';
import { checkSense, checkTypes, checkUnknownFields } from './manifests.mjs';
import { Report, Skipped } from './report.mjs';
import { run } from './run.mjs';
import {
  alertRules,
  composeFiles,
  generatedIsCurrent,
  metricsAndRunbooks,
  natsConfigurations,
  workflows,
} from './static-checks.mjs';
import { openToolbox } from './toolbox.mjs';

const report = new Report();

await report.part('generated files are current', generatedIsCurrent);
const toolbox = await report.part('tools', openToolbox);
/** @type {Awaited<ReturnType<typeof renderAll>> | undefined} */
let rendered;
if (toolbox !== undefined) {
  await report.part('chart: helm lint --strict', () => lint(toolbox));
  await report.part('chart: what it refuses', () => refusals(toolbox));
  await report.part('chart: helm template', async () => {
    rendered = await renderAll(toolbox);
    return `${rendered.length} sets of values`;
  });
  await report.part('chart: helm package', () => packageChart(toolbox));
  await report.part('workflows', () => workflows(toolbox));
}
if (toolbox !== undefined && rendered !== undefined) {
  const all = rendered;
  await report.part('chart: golden output', () => compareGolden(all));
  await report.part('chart: types and required fields', () => checkTypes(toolbox, all));
  await report.part('chart: unknown fields', () => checkUnknownFields(toolbox, all));
  await report.part('chart: restricted profile, names, references', () => checkSense(all));
}
await report.part('configurations of NATS', () => natsConfigurations(rendered ?? []));
await report.part('compose files', composeFiles);
await report.part('alerts', () => alertRules(rendered ?? []));
await report.part('metrics and runbooks', metricsAndRunbooks);

if (process.argv.includes('--static')) {
  await report.part('images and compose', () => {
    throw new Skipped('--static');
  });
} else {
  const engine = await report.part('container engine', openEngine);
  if (engine !== undefined) {
    try {
      await withEngine(engine);
    } finally {
      await engine.stop();
    }
  }
}
console.log(`\n${report.summary()}`);
process.exitCode = report.failed > 0 ? 1 : 0;

/** @param {import('./engine.mjs').Engine} engine */
async function withEngine(engine) {
  console.log(`         (${engine.how})`);
  if ((await report.part('base images', () => ensureBaseImages(engine))) === undefined) return;
  if ((await report.part('images build', () => buildImages(engine))) === undefined) return;
  await report.part('images: size, user, content', () => inspectImages(engine));
  await report.part('configurations of the web server', () => webServerConfigurations(engine, rendered ?? []));
  await report.part('images for linux/arm64', async () => {
    const platforms = await engine.docker(['buildx', 'inspect', '--bootstrap']).catch(() => '');
    if (!platforms.includes('linux/arm64')) throw new Skipped('this engine builds for its own platform only');
    await engine.docker(
      [
        'buildx',
        'build',
        '--platform',
        'linux/arm64',
        '--file',
        'infra/Dockerfile',
        '--target',
        'service',
        '--build-arg',
        'SERVICE=scheduler',
        '.',
      ],
      { limitMs: 1_800_000 },
    );
  });
  await composeRun(engine, report);
  await report.part('testcontainers', async () => {
    const jest = [
      '--experimental-vm-modules',
      'node_modules/jest/bin/jest.js',
      '-c',
      'jest.config.mjs',
      'libs/testing/src/servers',
      // What a failed test leaves open must not hold up the rest.
      '--forceExit',
    ];
    await run(process.execPath, jest, {
      cwd: ROOT,
      env: { ...engine.env, TEST_BACKEND: 'containers', TESTCONTAINERS_RYUK_DISABLED: 'true' },
      limitMs: 300_000,
    });
  });
}
