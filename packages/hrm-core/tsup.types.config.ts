/** Declarations, behind the modules: checking types for them, and making them for each format, took nine tenths of the build. */
import { defineConfig, type Options } from 'tsup';
import modules from './tsup.config.js';

export default defineConfig({
  entry: (modules as Options).entry as NonNullable<Options['entry']>,
  format: ['esm'],
  // `npm run check` checks types.
  dts: { only: true, compilerOptions: { noCheck: true } },
});
