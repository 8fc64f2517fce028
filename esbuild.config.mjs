/**
 * `npm run build`: a few files for the program, one a command and what commands share, and one for each of its threads.
 * Node takes a second to find and load the six hundred modules that these are made of, and every command would wait for
 * it.
 */
import { rm } from 'node:fs/promises'
import { build } from 'esbuild'

/** @type {import('esbuild').BuildOptions} */
export const options = {
  entryPoints: [
    'src/main.ts',
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
  // Compiled addons, what is run or served from where it is, and what few need.
  external: ['ssh2', 'libsql', 'pino', 'pino-pretty', 'swagger-ui-dist', '@opentelemetry/*'],
  // CommonJS packages among the others ask for Node's own modules by it.
  banner: {
    js:
      "import { createRequire as createBundleRequire } from 'node:module'; " +
      "const require = createBundleRequire(import.meta.url);",
  },
  logLevel: 'warning',
}

/** What an earlier build has left would be taken for a part of this one. */
export const removeOldBuild = () => rm(options.outdir, { recursive: true, force: true })

if (import.meta.filename === process.argv[1]) {
  await removeOldBuild()
  await build(options)
}
