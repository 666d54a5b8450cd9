// Unit and integration tests of libs, services and tools. The frontend has a configuration of its own
// (frontend/jest.config.mjs), and so have the end-to-end tests (jest.e2e.config.mjs).
// Run with: node --experimental-vm-modules node_modules/jest/bin/jest.js -c jest.config.mjs [path]

/** @type {import('jest').Config} */
export default {
  roots: ['<rootDir>/libs', '<rootDir>/services', '<rootDir>/tools'],
  testMatch: ['**/*.spec.ts'],
  testEnvironment: 'node',
  // 'dtm-source' makes @dtm/* resolve to sources, so that tests need no build. Never 'import' here: Jest adds it for
  // imports itself, and would use it for require() too (pg then gets a module where it expects a class).
  testEnvironmentOptions: { customExportConditions: ['dtm-source', 'node'] },
  moduleFileExtensions: ['ts', 'mjs', 'js', 'cjs', 'json', 'node'],
  extensionsToTreatAsEsm: ['.ts'],
  modulePathIgnorePatterns: ['/dist/', '/\\.nx/', '/\\.data/', '/\\.angular/'],
  setupFilesAfterEnv: ['<rootDir>/tools/test/jest-setup.mjs'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          target: 'es2024',
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  testTimeout: 30_000,
};
