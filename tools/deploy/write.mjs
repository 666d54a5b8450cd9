// Writes everything that is generated for deployment: node tools/deploy/write.mjs
// With --golden also the chart's output for every set of values; look at that diff before committing it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { goldenOf, renderAll } from './chart.mjs';
import { generatedFiles, ROOT } from './generated.mjs';
import { openToolbox } from './toolbox.mjs';

for (const [path, text] of await generatedFiles()) writeFileSync(join(ROOT, path), text);

if (process.argv.includes('--golden')) {
  const folder = join(import.meta.dirname, 'golden');
  mkdirSync(folder, { recursive: true });
  const toolbox = await openToolbox();
  for (const { name, text } of await renderAll(toolbox)) writeFileSync(join(folder, `${name}.yaml`), goldenOf(text));
}
