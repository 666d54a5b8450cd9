// Loads Nest's ES modules before any CommonJS package (the throttler) requires them: Jest's module loader fails with
// "Cannot require() ES Module @nestjs/common in a cycle" otherwise. Only for packages that use Nest: it costs a second
// for each test file.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from '@jest/globals';

let folder = dirname(expect.getState().testPath ?? '');
while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder);
if (readFileSync(join(folder, 'package.json'), 'utf8').includes('"@nestjs/')) {
  await import('reflect-metadata');
  await import('@nestjs/common');
  await import('@nestjs/core');
  await import('@nestjs/swagger');
}
