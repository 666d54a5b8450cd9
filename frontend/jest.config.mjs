// Unit tests of the frontend: node --experimental-vm-modules node_modules/jest/bin/jest.js -c frontend/jest.config.mjs
import presets from 'jest-preset-angular/presets/index.js';

/** @type {import('jest').Config} */
export default {
  ...presets.createEsmPreset({ tsconfig: '<rootDir>/tsconfig.spec.json' }),
  roots: ['<rootDir>/src'],
  testMatch: ['**/*.spec.ts'],
  // 'dtm-source' makes @dtm/* resolve to sources, so that tests need no build.
  testEnvironmentOptions: { customExportConditions: ['dtm-source', 'browser', 'import', 'default'] },
  setupFilesAfterEnv: ['<rootDir>/src/testing/setup.ts'],
  // The first import of Angular and the charts takes its time on a small machine.
  testTimeout: 60_000,
  modulePathIgnorePatterns: ['/dist/', '/\\.angular/'],
};
