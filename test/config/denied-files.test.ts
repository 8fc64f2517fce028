import { chmodSync, chownSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { toldByBridge } from '../../src/config/denied-files.js'
import { loadConfig } from '../../src/config/load.js'

const NOBODY = 65_534
const isRoot = process.getuid?.() === 0

let cwd = ''
beforeEach(() => {
  cwd = realpathSync(mkdtempSync(join(tmpdir(), 'homeport-denied-')))
  chmodSync(cwd, 0o755)
  const config = 'credentials: { default: { username: netconf, private-key: key } }'
  writeFileSync(join(cwd, 'homeport.yaml'), config, { mode: 0o644 })
  if (isRoot) process.seteuid?.(NOBODY)
})
afterEach(() => {
  if (isRoot) process.seteuid?.(0)
  rmSync(cwd, { recursive: true })
})

/** Writes it as a file of this process, which this process may not read; root gives it to nobody. */
function shut(name: string): void {
  if (isRoot) process.seteuid?.(0)
  writeFileSync(join(cwd, name), 'x')
  chmodSync(join(cwd, name), 0)
  if (isRoot) chownSync(join(cwd, name), 0, 0)
  if (isRoot) process.seteuid?.(NOBODY)
}

it.each([['.env'], ['homeport.yaml']])(
  '%s that may not be read is had by sudo, and for a bridge by chgrp',
  async (name) => {
    shut(name)
    const loaded = loadConfig({ cwd, env: {}, places: ['homeport.yaml'] })
    if (loaded.ok) throw new Error('it was read')
    const [problem] = loaded.problems.filter(({ denied }) => denied === join(cwd, name))
    expect(problem?.hint).toBe('run this with sudo, or as a user who may read it')
    expect(await toldByBridge(loaded.problems)).toContainEqual(
      expect.objectContaining({ hint: expect.stringContaining(`sudo chmod g+r ${cwd}/${name}`) as string }),
    )
  },
)

it('what is wrong besides is told by a bridge as by a command', async () => {
  const problem = { file: 'homeport.yaml', key: 'log', message: 'expected a mapping', hint: 'write one' }
  expect(await toldByBridge([problem])).toEqual([problem])
})
