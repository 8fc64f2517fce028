import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collectLines } from '../e2e/parts/lines.js'
import { dyingWithUs } from '../e2e/parts/processes.js'
import { makeTempDir, type TempDir } from '../e2e/parts/temp-dir.js'
import { waitFor } from '../e2e/parts/wait-for.js'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')

/** Files in the package, of which there were nine hundred while nobody said which. */
const MOST_FILES = 80

type Packed = { readonly filename: string; readonly files: readonly { readonly path: string }[] }

let directory: TempDir
let packed: Packed
beforeAll(async () => {
  directory = await makeTempDir('npm-package')
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', directory.path], { cwd: root })
  packed = (JSON.parse(stdout) as readonly [Packed])[0]
}, 120_000)
afterAll(() => directory?.remove())

describe('the npm package', () => {
  it('holds what runs, and little else', () => {
    const paths = packed.files.map(({ path }) => path)
    expect(paths).toEqual(expect.arrayContaining(['dist/main.js', 'package.json', 'LICENSE', 'README.md']))
    expect(paths.filter((path) => !/^(dist|config)\/|^[\w.]+$/.test(path))).toEqual([])
    expect(paths.filter((path) => /\.(map|ts)$|(^|\/)\.env$/.test(path))).toEqual([])
    expect(paths.length).toBeLessThan(MOST_FILES)
  })

  it('is installed by npm for everybody, and serves', async () => {
    const prefix = join(directory.path, 'prefix')
    await run('npm', ['install', '--global', '--prefix', prefix, join(directory.path, packed.filename)])
    const homeport = join(prefix, 'bin/homeport')
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { readonly version: string }
    expect((await run(homeport, ['--version'])).stdout.trim()).toBe(version)

    const config = join(directory.path, 'homeport.yaml')
    const listener = '{ address: 127.0.0.1, port: 0 }'
    await mkdir(join(directory.path, 'data'))
    await writeFile(
      config,
      `call-home: { ssh: ${listener} }\nendpoint: { ssh: ${listener}, http: ${listener} }\ndata-dir: data\n`,
    )
    const bridge = spawn(...dyingWithUs([homeport, 'serve', '--config', config]), { stdio: ['ignore', 'pipe', 'pipe'] })
    const log = collectLines('homeport')
    log.add(bridge.stdout)
    log.add(bridge.stderr)
    const ready = (): string | undefined => log.all.find((line) => line.includes('"msg":"ready"'))
    const { http } = JSON.parse((await waitFor('the bridge to be ready', ready)) ?? '') as { readonly http: string }
    expect((await fetch(`${http}/docs/swagger-ui-bundle.js`)).status).toBe(200)
    expect(log.all.join('\n')).not.toContain('without its compiled addon')
    const ended = once(bridge, 'exit')
    bridge.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  })
})
