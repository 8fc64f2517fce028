import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generatePrivateKey } from '../../src/ssh/generate-private-key.js'
import { parsePrivateKey } from '../../src/ssh/private-key.js'
import { publicKeyLine } from '../../src/ssh/public-key.js'
import { makeTempDir, type TempDir } from '../e2e/parts/temp-dir.js'

let directory: TempDir
beforeAll(async () => {
  directory = await makeTempDir('generated-keys')
})
afterAll(() => directory.remove())

/** The public half as ssh2 reads it from the private one, when the private one signs what the public one verifies. */
function publicHalf(text: string): string {
  const parsed = parsePrivateKey(text)
  if (!parsed.ok) throw new Error(parsed.failure.message)
  const { key } = parsed
  const signature = key.sign('any data')
  if (!key.verify('any data', signature)) throw new Error('it does not verify what it signed')
  return publicKeyLine({ type: key.type, blob: key.getPublicSSH() })
}

describe('a generated private key', () => {
  // One in two hundred of another generator was unreadable, so one good key proves little.
  it.each([
    ['ed25519', 500],
    ['ecdsa', 100],
  ] as const)('can be read and used by ssh2: %s, %i of them', (type, count) => {
    const halves = Array.from({ length: count }, (_, at) => publicHalf(generatePrivateKey(type, 'c'.repeat(at % 9))))
    expect(new Set(halves).size).toBe(count)
  })

  it.each(['ed25519', 'ecdsa'] as const)(
    'is made whenever garbage is collected, which froze the process: %s',
    async (type) => {
      const source = JSON.stringify(new URL('../../src/ssh/generate-private-key.ts', import.meta.url).href)
      const program = `const { generatePrivateKey } = await import(${source})
        for (let n = 0; n < 4000; n += 1) generatePrivateKey('${type}', 'n')
        process.stdout.write('made')`
      // Garbage is collected every few keys.
      const words = ['--max-semi-space-size=1', '--import', 'tsx', '--input-type=module', '--eval', program]
      const { stdout } = await promisify(execFile)(process.execPath, words, { timeout: 60_000, killSignal: 'SIGKILL' })
      expect(stdout).toBe('made')
    },
    90_000,
  )

  it.each(['ed25519', 'ecdsa'] as const)('can be read by ssh-keygen, with its comment: %s', async (type) => {
    const read = Array.from({ length: 9 }, async (_, at) => {
      const text = generatePrivateKey(type, 'c'.repeat(at))
      const path = join(directory.path, `${type}-${at}`)
      await writeFile(path, text, { mode: 0o600 })
      const { stdout } = await promisify(execFile)('ssh-keygen', ['-y', '-f', path])
      expect(stdout.trim()).toBe(`${publicHalf(text)} ${'c'.repeat(at)}`.trim())
    })
    await Promise.all(read)
  })
})
