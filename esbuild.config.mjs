/**
 * `npm run build`: a few files for the program, one a command and what commands share, and one for each of its threads.
 * Node takes a second to find and load the six hundred modules that these are made of, and every command would wait for
 * it. What is run first, and by a Node that may be too old, is a file of its own.
 */
import { cp, rm } from 'node:fs/promises'
import { build } from 'esbuild'

/** @type {import('esbuild').BuildOptions} */
export const options = {
  entryPoints: [
    'src/cli/run.ts',
    'src/audit/files/index-worker.ts',
    'src/audit/files/transcript-worker.ts',
    'src/northbound/http/rpc/conversion-worker.ts',
  ],
  outdir: 'dist',
  // Threads are started by a name beside the file that starts them.
  entryNames: '[name]',
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: true,
  // Compiled addons, what is run from where it is, and what few need.
  external: ['ssh2', 'libsql', 'pino', 'pino-pretty', '@opentelemetry/*', 'pg'],
  // CommonJS packages among the others ask for Node's own modules by it.
  banner: {
    js:
      "import { createRequire as createBundleRequire } from 'node:module'; " +
      "const require = createBundleRequire(import.meta.url);",
  },
  logLevel: 'warning',
}

/** @type {import('esbuild').BuildOptions} */
const entry = {
  entryPoints: ['src/main.ts'],
  outdir: options.outdir,
  bundle: true,
  platform: 'node',
  format: 'esm',
  // The oldest that can read it and say that it is too old.
  target: 'node10',
  supported: { 'dynamic-import': true },
  plugins: [
    {
      name: 'the program is beside it',
      setup: (build) => build.onResolve({ filter: /\/run\.js$/ }, () => ({ path: './run.js', external: true })),
    },
  ],
  logLevel: 'warning',
}

/** What stands beside the program: what is run first, and what is served as it is. */
export const buildBesides = () =>
  Promise.all([build(entry), cp('vendor/swagger-ui', `${options.outdir}/swagger-ui`, { recursive: true })])

/** What an earlier build has left would be taken for a part of this one. */
export const removeOldBuild = () => rm(options.outdir, { recursive: true, force: true })

if (import.meta.filename === process.argv[1]) {
  await removeOldBuild()
  await Promise.all([build(options), buildBesides()])
}
