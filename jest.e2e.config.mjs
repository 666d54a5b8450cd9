import base from './jest.config.mjs';

/** End-to-end tests: the built system as `npm start` runs it. One after the other, since each has the machine to itself. */
export default {
  ...base,
  roots: ['<rootDir>/tools/e2e'],
  testMatch: ['**/*.e2e.ts'],
  setupFilesAfterEnv: [],
  maxWorkers: 1,
  testTimeout: 120_000,
};
