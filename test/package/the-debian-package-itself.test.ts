import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { completionScript } from '../../src/cli/completion/scripts.js'
import { makeTempDir, type TempDir } from '../e2e/parts/temp-dir.js'
import { builtPackage } from './support/packages.js'

const run = promisify(execFile)

/** Of Ubuntu 22.04, the oldest that it is for; Debian 12 has 2.36 and GCC 12. */
const OLDEST = { libc6: '2.35', 'libstdc++6': '12', 'libgcc-s1': '12' } as const

let file: string
beforeAll(async () => {
  file = await builtPackage()
})

/** Where the pages are in the package. */
const PAGES = 'usr/share/doc/homeport'

describe('the Debian package', () => {
  it('has nothing that lintian finds fault with', async () => {
    const linted = await run('lintian', ['--allow-root', '--fail-on', 'error,warning', file]).catch(
      ({ stdout, stderr }: { stdout: string; stderr: string }) => ({ stdout, stderr }),
    )
    expect(linted.stdout.trim()).toBe('')
  })

  it('needs no library newer than those of the oldest system that it is for', async () => {
    const { stdout } = await run('dpkg-deb', ['--field', file, 'Depends'])
    const needed = new Map(
      [...stdout.matchAll(/([\w+-]+) \(>= ([\w.]+)\)/g)].map(([, name = '', at = '']) => [name, at]),
    )
    for (const [name, there] of Object.entries(OLDEST)) {
      const wanted = needed.get(name)
      expect(wanted).toBeDefined()
      await expect(run('dpkg', ['--compare-versions', wanted ?? '', 'le', there])).resolves.toBeDefined()
    }
  })

  it.each([
    ['bash', 'usr/share/bash-completion/completions/homeport'],
    ['zsh', 'usr/share/zsh/vendor-completions/_homeport'],
    ['fish', 'usr/share/fish/vendor_completions.d/homeport.fish'],
  ] as const)('lets %s complete commands', async (shell, path) => {
    const { stdout } = await run('sh', ['-c', 'dpkg-deb --fsys-tarfile "$1" | tar -xO "./$2"', 'sh', file, path])
    expect(stdout).toBe(completionScript(shell))
  })

  it('holds nothing that only developers need', async () => {
    const { stdout } = await run('dpkg-deb', ['--contents', file], { maxBuffer: 16 * 1024 * 1024 })
    const paths = stdout.split('\n').map((line) => line.split('./')[1] ?? '')
    expect(paths).toContain('usr/lib/homeport/node_modules/ssh2/lib/protocol/crypto/build/Release/sshcrypto.node')
    const tools = Object.keys(packageJson.devDependencies).map((name) => `usr/lib/homeport/node_modules/${name}/`)
    expect(paths.filter((path) => tools.includes(path))).toEqual([])
    expect(paths.filter((path) => /^usr\/lib.*(\.map|\.d\.ts|-musl\/.*|\/test\/)$/.test(path))).toEqual([])
  })
})

describe('the pages of the Debian package', () => {
  let unpacked: TempDir
  beforeAll(async () => {
    unpacked = await makeTempDir('pages')
    await run('sh', ['-c', 'dpkg-deb --fsys-tarfile "$1" | tar -xC "$2" "./$3"', 'sh', file, unpacked.path, PAGES])
  })
  afterAll(() => unpacked?.remove())

  /** Whether there is such a file in the package, or a link to one that every Debian has. */
  async function isThere(path: string): Promise<boolean> {
    if (existsSync(path)) return true
    const target = await readlink(path).catch(() => '')
    return target.startsWith('../../common-licenses/')
  }

  it('link to nothing that the package does not bring', async () => {
    const directory = join(unpacked.path, PAGES)
    const pages = (await readdir(directory, { recursive: true })).filter((name) => name.endsWith('.md'))
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/monitoring.md', 'examples/ansible/README.md']))
    const broken: string[] = []
    for (const page of pages)
      for (const [, path = ''] of (await readFile(join(directory, page), 'utf8')).matchAll(
        /\]\((?!https?:|#)([^)#]+)/g,
      ))
        if (!(await isThere(join(directory, dirname(page), path)))) broken.push(`${page}: ${path}`)
    expect(broken).toEqual([])
  })

  it.each([
    'deploy/monitoring/homeport.rules.yaml',
    'deploy/monitoring/prometheus.yml',
    'deploy/monitoring/homeport.dashboard.json',
    'deploy/ansible/plugins/inventory/homeport.py',
    'deploy/compose/compose.yaml',
    'deploy/kubernetes/kustomization.yaml',
  ])('have what their lines copy, uncompressed: %s', async (path) => {
    const copied = await readFile(join(unpacked.path, PAGES, path))
    expect(copied.equals(await readFile(join(import.meta.dirname, '../..', path)))).toBe(true)
  })
})
