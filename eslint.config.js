/** Lint rules, and the boundaries between the rooms of the code. */
import { readdirSync } from 'node:fs';
import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

/** Forbids imports whose path matches a regular expression, each with the reason. */
const noImports = (...patterns) => ({
  'no-restricted-imports': [
    'error',
    { patterns: patterns.map(([regex, message]) => ({ regex, message })) },
  ],
});

const NODE = ['^node:|^(fs|path|os|url|util|process|child_process)(/|$)', 'This runs in browsers.'];
const backends = readdirSync(new URL('src/backends/', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

const boundaries = [
  {
    // The compiler, the backends and archc/webgpu have rules of their own, which say this too.
    files: ['src/*/**/*.ts'],
    ignores: ['src/{cli,compiler,backends,webgpu}/**'],
    rules: noImports([
      '/cli/',
      'The command line is a thin shell: what others need goes into a room of its own.',
    ]),
  },
  {
    files: ['grammar/**/*.ts'],
    rules: noImports(['^(?!chevrotain$|\\./)', 'grammar/ imports only chevrotain and itself.']),
  },
  {
    files: ['src/compiler/**/*.ts'],
    rules: {
      'no-console': 'error',
      ...noImports(NODE, [
        // What a recipe and a dataset are is plain data, which the checker of recipes makes.
        '/(backends|cli|weights|data(?!/dataset\\.js$)|engines|format|train(?!/recipe\\.js$))/',
        'The compiler is pure: it knows no backend, file, engine or terminal.',
      ]),
    },
  },
  {
    files: ['src/webgpu/**/*.ts'],
    rules: noImports([
      '^(?!\\./)',
      'archc/webgpu is a small file for browsers: it imports only itself.',
    ]),
  },
  ...backends.map((name) => ({
    files: [`src/backends/${name}/**/*.ts`],
    rules: noImports(
      NODE,
      ['/(cli|engines|train)/', 'A backend turns a graph into an artifact and does no more.'],
      [
        // From its own folder another backend is `../other/…`; from a subfolder `../../other/…`.
        `/backends/|^(\\.\\./)+(${backends.filter((other) => other !== name).join('|') || '(?!)'})/`,
        'A backend imports no other backend.',
      ],
    ),
  })),
];

export default tseslint.config(
  { ignores: ['dist/**', 'dist.*/**', 'coverage/**', 'node_modules/**'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', prefer: 'type-imports' },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_' },
      ],
      // Numbers and booleans in messages are what templates are for.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // A callback of one statement reads better without braces.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // `while (true)` with a `break` in the middle is a loop like any other.
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // Published coefficients are written as they are published.
      'no-loss-of-precision': 'off',
      eqeqeq: 'error',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    languageOptions: {
      globals: Object.fromEntries(
        ['console', 'process', 'performance', 'URL', 'require', 'module', '__dirname'].map(
          (name) => [name, 'readonly'],
        ),
      ),
    },
  },
  {
    // In browsers.
    files: ['src/report/client.js', 'test/helpers/contrast.js'],
    languageOptions: {
      globals: Object.fromEntries(
        ['document', 'getComputedStyle', 'NodeFilter', 'SVGElement'].map((n) => [n, 'readonly']),
      ),
    },
  },
  ...boundaries,
  prettier,
);
