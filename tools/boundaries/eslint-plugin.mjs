// The table of rules.mjs as one ESLint rule. It reads syntax only: no type information, so it costs next to nothing.
import { isBuiltin } from 'node:module';
import { posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PACKAGES } from './packages.mjs';
import { matches, ONLY_IN, SCOPES } from './rules.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const GLOBAL_OBJECTS = ['window', 'globalThis', 'self'];

/** Specs, and the folders in which a package keeps what only its specs use. */
function isTest(file, scope) {
  return /\.spec\.(?:ts|mjs)$/.test(file) || (scope !== 'testing' && file.includes('/src/testing/'));
}

/** What is wrong with an import, as `{rule, why}`, or null. `names` are the imported ones, null where all are. */
function importFault(file, owner, specifier, names) {
  if (specifier.startsWith('.') || specifier.startsWith('/')) {
    const target = posix.join(posix.dirname(file), specifier);
    // infra/ belongs to no package: its scripts run in images as they stand, and are tested from here.
    const infra = owner.scope === 'tools' && target.startsWith('infra/');
    const inside = !specifier.startsWith('/') && (target.startsWith(owner.folder) || infra);
    return inside ? null : { rule: 'inside the package', why: 'a relative import must not leave its package' };
  }
  const test = isTest(file, owner.scope);
  const used = PACKAGES.find(({ name }) => specifier === name || specifier.startsWith(`${name}/`));
  if (used !== undefined) return useFault(owner, used, test) ?? declaredFault(file, owner, used.name, test);
  const name = isBuiltin(specifier) && !specifier.startsWith('node:') ? `node:${specifier}` : specifier;
  return (
    packageFault(owner.scope, name, test) ??
    placeFault(file, name, names, test) ??
    declaredFault(file, owner, name, test)
  );
}

function useFault(owner, used, test) {
  const { uses } = SCOPES[owner.scope];
  if (used.scope === owner.scope || uses.includes(used.scope)) return null;
  if (used.scope === 'testing') return test ? null : { rule: 'testing in tests only', why: 'only tests may use it' };
  const allowed = uses.length === 0 ? 'no other package of this repository' : uses.join(', ');
  return { rule: `${owner.scope} uses`, why: `${owner.scope} may use ${allowed}` };
}

function packageFault(scope, name, test) {
  const { only, never = {} } = SCOPES[scope];
  for (const [group, patterns] of Object.entries(never)) {
    // A server's built-in modules are no part of the browser, but its tests run in Node.js.
    if (test && name.startsWith('node:')) continue;
    if (matches(name, patterns)) return { rule: `${scope} never ${group}`, why: `${scope} must know nothing of it` };
  }
  if (only === undefined || test || matches(name, only)) return null;
  return { rule: `${scope} only`, why: `${scope} depends on ${only.length === 0 ? 'no package' : only.join(', ')}` };
}

function placeFault(file, name, names, test) {
  if (test) return null;
  for (const { name: rule, within, folder, packages, exceptNames, because } of ONLY_IN) {
    if (!file.startsWith(within) || (folder !== null && file.startsWith(folder)) || !matches(name, packages)) continue;
    if (exceptNames !== undefined && names?.every((each) => exceptNames.test(each))) continue;
    return { rule: `only in ${rule}`, why: because };
  }
  return null;
}

/** What is not declared works here, as npm installs all packages side by side, and is missing where one is built alone. */
function declaredFault(file, { folder, name: self, scope, manifest }, name, test) {
  // What lies beside src/ configures tools, and none of it is shipped.
  if (test || !file.startsWith(`${folder}src/`) || scope === 'tools' || name === self || name.startsWith('node:'))
    return null;
  const declared = [manifest.dependencies, manifest.peerDependencies].flatMap((each) => Object.keys(each ?? {}));
  if (matches(name, declared)) return null;
  return { rule: 'declared', why: `it is not among the dependencies of ${folder}package.json` };
}

function globalFault(file, owner, name) {
  if (isTest(file, owner.scope)) return null;
  const place = ONLY_IN.find(
    ({ within, folder, globals }) =>
      file.startsWith(within) && !(folder !== null && file.startsWith(folder)) && globals.includes(name),
  );
  return place === undefined ? null : { rule: `only in ${place.name}`, why: place.because };
}

const imports = {
  meta: { type: 'problem', schema: [], docs: { description: 'the arrows of tools/boundaries/rules.mjs' } },
  create(context) {
    const file = relative(ROOT, context.filename).split(sep).join('/');
    const owner = PACKAGES.find(({ folder }) => file.startsWith(folder));
    if (owner === undefined || !Object.hasOwn(SCOPES, owner.scope ?? '')) return {};

    const report = (node, what, fault) => {
      if (fault === null) return;
      context.report({ node, message: `${what}: ${fault.why} (boundary "${fault.rule}")` });
    };
    const check = (node, names) => {
      const specifier = node?.type === 'TemplateLiteral' ? node.quasis[0].value.cooked : node?.value;
      if (typeof specifier === 'string') report(node, specifier, importFault(file, owner, specifier, names));
    };
    // The names of `import { a, b }`; null for a default, a namespace or nothing, which can be anything.
    const namesOf = (node) => {
      const plain = node.specifiers.length > 0 && node.specifiers.every(({ type }) => type === 'ImportSpecifier');
      return plain ? node.specifiers.map(({ imported }) => imported.name) : null;
    };
    return {
      ImportDeclaration: (node) => check(node.source, namesOf(node)),
      ExportNamedDeclaration: (node) =>
        check(node.source, node.source ? node.specifiers.map(({ local }) => local.name) : null),
      ExportAllDeclaration: (node) => check(node.source, null),
      ImportExpression: (node) => check(node.source, null),
      TSImportType: (node) => check(node.source, null),
      TSExternalModuleReference: (node) => check(node.expression, null),
      'CallExpression[callee.name="require"]': (node) => check(node.arguments[0], null),
      MemberExpression(node) {
        const { object, property, computed } = node;
        const name = computed ? property.value : property.name;
        if (object.type !== 'Identifier') return;
        if (GLOBAL_OBJECTS.includes(object.name)) report(node, name, globalFault(file, owner, name));
        if (
          object.name === 'process' &&
          name === 'env' &&
          !SCOPES[owner.scope].environment &&
          !isTest(file, owner.scope)
        ) {
          const why = 'configuration is read once, by service-host';
          report(node, 'process.env', { rule: 'environment', why });
        }
      },
      'Program:exit'(node) {
        const scope = context.sourceCode.getScope(node);
        const known = scope.variables.filter(({ defs }) => defs.length === 0).flatMap(({ references }) => references);
        for (const { identifier } of [...scope.through, ...known]) {
          report(identifier, identifier.name, globalFault(file, owner, identifier.name));
        }
      },
    };
  },
};

export default { meta: { name: 'boundaries' }, rules: { imports } };
