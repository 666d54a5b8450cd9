// Lints each fixture as if it lay where its first line says, and prints what the boundaries refuse, as JSON by file.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = new URL('fixtures/', import.meta.url);

const eslint = new ESLint({
  cwd: ROOT,
  ruleFilter: ({ ruleId }) => ruleId === 'boundaries/imports',
  // The boundaries need no types, and the places where fixtures claim to lie are in no TypeScript project.
  overrideConfig: { languageOptions: { parserOptions: { projectService: false, project: null } } },
});

const faults = {};
for (const file of readdirSync(FOLDER)) {
  const text = readFileSync(new URL(file, FOLDER), 'utf8');
  const path = /^\/\/ as (\S+)/.exec(text)?.[1];
  const [result] = await eslint.lintText(text, { filePath: `${ROOT}${path}` });
  faults[file] = (result?.messages ?? [{ message: 'not linted' }]).map(({ message }) => message);
}
console.log(JSON.stringify(faults, null, 2));
