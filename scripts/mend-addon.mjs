/*
 * Part of `npm run build`: compiles ssh2's addon anew where npm has compiled it so that it would end this Node, which is
 * the case with Node 24.19 to 24.21 (src/ssh/ssh2/fatal-addon.mjs). Does nothing, in a moment, where all is well.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ADDON, wouldAbort } from '../src/ssh/ssh2/fatal-addon.mjs'

const ssh2 = dirname(createRequire(import.meta.url).resolve('ssh2/package.json'))

const isFatal = () => {
  const file = join(ssh2, ADDON)
  return existsSync(file) && wouldAbort(readFileSync(file), process.versions.node)
}

if (isFatal()) {
  const { status } = spawnSync(process.execPath, ['install.js'], {
    cwd: ssh2,
    env: {
      ...process.env,
      CPLUS_INCLUDE_PATH: fileURLToPath(new URL('addon', import.meta.url)),
      CXXFLAGS: `${process.env['CXXFLAGS'] ?? ''} -include no-cleanup-hooks.h`,
    },
    stdio: 'ignore',
  })
  const outcome = status === 0 && existsSync(join(ssh2, ADDON)) && !isFatal()
  process.stderr.write(
    outcome
      ? `ssh2's addon was compiled anew, without what would end Node ${process.versions.node}\n`
      : `ssh2's addon cannot be compiled for Node ${process.versions.node}; the bridge does without, and says so\n`,
  )
}
