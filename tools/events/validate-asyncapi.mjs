// Has AsyncAPI's own parser read docs/events/asyncapi.yaml with the schemas that it names. Run from the root:
//   node tools/events/validate-asyncapi.mjs
import { fileURLToPath } from 'node:url';
import { fromFile, Parser } from '@asyncapi/parser';

const ERROR = 0;

const path = fileURLToPath(new URL('../../docs/events/asyncapi.yaml', import.meta.url));
const { document, diagnostics } = await fromFile(new Parser(), path).parse();
const faults = diagnostics.filter(({ severity }) => severity === ERROR);
for (const { path: place, message } of faults) console.error(`${place.join('.')}: ${message}`);
if (document === undefined || faults.length > 0) process.exitCode = 1;
else console.log(`AsyncAPI ${document.version()}: ${document.channels().all().length} channels`);
