/*
 * `npm run dev`: builds, starts `homeport serve`, and does both again whenever a file of the source changes. Words
 * behind `--` go to `serve`: `npm run dev -- --config config/homeport.yaml`. A build that fails leaves the bridge of
 * the last one running.
 */
import { context } from 'esbuild'
import { buildBesides, options, removeOldBuild } from '../esbuild.config.mjs'
import { createRestarter } from './restarter.js'

/**
 * Milliseconds that a bridge gets to let its sessions end before it is killed: who develops does not wait for a drain.
 */
const PATIENCE = 3_000

const bridge = createRestarter(
  [process.execPath, '--enable-source-maps', 'dist/main.js', 'serve', ...process.argv.slice(2)],
  PATIENCE,
)

await removeOldBuild()
await buildBesides()
const building = await context({
  ...options,
  logLevel: 'info',
  plugins: [
    {
      name: 'start the bridge anew',
      setup: (build) => {
        build.onEnd(async ({ errors }) => {
          if (errors.length === 0) await bridge.restart()
        })
      },
    },
  ],
})

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    // The terminal has sent SIGINT to the bridge too; a second one by hand ends this process at once.
    Promise.all([building.dispose(), bridge.end()]).catch(() => {
      process.exitCode = 1
    })
  })

await building.watch()
