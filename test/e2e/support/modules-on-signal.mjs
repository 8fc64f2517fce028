import { createRequire } from 'node:module'

const { cache } = createRequire(import.meta.url)

// Loaded into the bridge by a test: on SIGUSR2 it writes which packages of OpenTelemetry are loaded as one line of
// JSON.
process.on('SIGUSR2', () => {
  const packages = Object.keys(cache).flatMap((file) => /node_modules\/(@opentelemetry\/[^/]+)/.exec(file)?.[1] ?? [])
  process.stderr.write(
    `${JSON.stringify({ level: 'report', msg: 'modules', packages: [...new Set(packages)].toSorted() })}\n`,
  )
})
