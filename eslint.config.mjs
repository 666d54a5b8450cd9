import eslint from '@eslint/js';
import angular from 'angular-eslint';
import prettier from 'eslint-config-prettier';
import globals from 'globals';
import tseslint from 'typescript-eslint';
import boundaries from './tools/boundaries/eslint-plugin.mjs';

const FRONTEND = ['frontend/src/**/*.ts'];
const SERVER = ['libs/**/*.ts', 'services/**/*.ts'];

export default tseslint.config(
  { ignores: ['**/dist/', '**/.nx/', '**/.angular/', '**/.data/', '**/coverage/', 'tools/boundaries/fixtures/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  eslint.configs.recommended,
  {
    files: ['**/*.mjs'],
    languageOptions: { globals: globals.node },
  },
  {
    files: ['**/*.ts', '**/*.mts'],
    extends: [tseslint.configs.strict],
    rules: {
      '@typescript-eslint/consistent-type-definitions': ['error', 'interface'],
      // Nest's modules and Angular's components are classes without members of their own.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true, allowEmpty: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', caughtErrors: 'all', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      '@typescript-eslint/ban-ts-comment': ['error', { 'ts-expect-error': 'allow-with-description' }],
    },
  },
  {
    // The few rules that need types and catch what tests do not: a promise nobody waits for, a case nobody handles.
    files: SERVER,
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', name: ['it', 'describe', 'test'], package: '@jest/globals' }] },
      ],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-unnecessary-type-assertion': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    // Specs are no part of the packages' own projects, so that no build carries them.
    files: ['{libs,services}/*/src/**/*.spec.ts', '{libs,services}/*/src/testing/**/*.ts'],
    languageOptions: {
      parserOptions: { projectService: false, project: 'tsconfig.specs.json', tsconfigRootDir: import.meta.dirname },
    },
  },
  {
    files: [...SERVER, ...FRONTEND],
    rules: {
      'no-console': 'error',
      // What is looked for in texts from outside are control characters.
      'no-control-regex': 'off',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'max-lines': ['error', { max: 400 }],
    },
  },
  {
    files: ['frontend/public/**/*.js'],
    languageOptions: { globals: globals.browser, sourceType: 'script' },
  },
  {
    // The browser's console is where an error goes that nothing else can show.
    files: FRONTEND,
    rules: { 'no-console': ['error', { allow: ['error'] }] },
  },
  {
    // Servers of tests report to the person who runs them.
    files: ['libs/testing/**', 'libs/embedded/**'],
    rules: { 'no-console': 'off' },
  },
  {
    files: FRONTEND,
    extends: [angular.configs.tsRecommended],
    processor: angular.processInlineTemplates,
    rules: {
      '@angular-eslint/component-selector': ['error', { type: 'element', prefix: 'dtm', style: 'kebab-case' }],
      '@angular-eslint/directive-selector': ['error', { type: 'attribute', prefix: 'dtm', style: 'camelCase' }],
    },
  },
  {
    files: ['frontend/src/**/*.html'],
    extends: [angular.configs.templateRecommended, angular.configs.templateAccessibility],
  },
  {
    files: ['**/*.ts', '**/*.mts', '**/*.mjs'],
    plugins: { boundaries },
    rules: { 'boundaries/imports': 'error' },
  },
  prettier,
);
