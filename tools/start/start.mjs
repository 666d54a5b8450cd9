// `npm start`: the whole system on embedded defaults. This file and what it imports run on Node.js 20 with nothing
// installed yet; everything else is imported by run.mjs, under the Node.js version of the services.
import { ensureInstalled } from './install.mjs';
import { ensureNode } from './node-version.mjs';

await ensureInstalled();
if (ensureNode(import.meta.filename)) {
  const { run } = await import('./run.mjs');
  await run({ watch: false });
}
