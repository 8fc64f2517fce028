import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { nodeOfVersion, npmOfVersion, type OtherNode } from '../support/node-of-version.js'
import { makeTempDir } from './parts/temp-dir.js'
import { type Ended, main } from './support/homeport-command.js'
import { endAfterEach } from './support/resources.js'

const own = endAfterEach()
const repository = join(import.meta.dirname, '../..')
const { engines } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { engines: { node: string } }

/** The npm that Node 18 brought. */
const OLD_NPM = '10.8.2'

/** Of the repository, what npm's scripts read before they find that Node is too old. */
const BEGINNING = ['package.json', 'package-lock.json', '.npmrc', 'esbuild.config.mjs', 'scripts', 'src/lib']

/** Runs a program of JavaScript by a Node of another version. */
function runBy(node: OtherNode, [program, ...words]: readonly string[], cwd = repository): Promise<Ended> {
  const env = { ...process.env, PATH: [dirname(node.program), process.env['PATH']].join(delimiter) }
  return new Promise((resolve) => {
    const child = execFile(
      node.program,
      [program ?? '', ...words],
      { cwd, env, timeout: 60_000 },
      (_error, stdout, stderr) => resolve({ status: child.exitCode, stdout, stderr }),
    )
  })
}

async function copyOfTheBeginning(): Promise<string> {
  const { path, remove } = await makeTempDir('old-node')
  own({ stop: remove })
  for (const part of BEGINNING) await cp(join(repository, part), join(path, part), { recursive: true })
  return path
}

describe.each(['18.20.8', '16.20.2', '12.22.12'])('Node %s', (version) => {
  let node: OtherNode
  beforeAll(async () => {
    node = await nodeOfVersion(version)
  })

  it.each(['serve', 'demo', 'devices list', 'get router1', '--version', '--help'])(
    'is told what homeport %s needs, and where it comes from',
    async (words) => {
      const { status, stdout, stderr } = await runBy(node, [main, ...words.split(' ')])
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
      const [what, todo, ...more] = stderr.split('\n')
      expect(what).toBe(`homeport: Node.js ${engines.node} is needed, and ${node.program} is v${version}`)
      expect(todo).toMatch(/apt-get install nodejs.*https:\/\/nodejs\.org/)
      expect(more).toEqual([''])
    },
  )

  it('begins none of the scripts that build, test and run the program', async () => {
    const copy = await copyOfTheBeginning()
    const { status, stderr } = await runBy(node, ['scripts/check-node.mjs'], copy)
    expect(status).toBe(2)
    expect(stderr).toContain(engines.node)
  })
})

describe('Node 18 with its npm', () => {
  let node: OtherNode
  let npm: string
  beforeAll(async () => {
    node = await nodeOfVersion('18.20.8')
    npm = await npmOfVersion(OLD_NPM)
  })

  it.each(['demo', 'start', 'dev', 'test', 'test:unit', 'bench'])('is told by npm run %s', async (script) => {
    const copy = await copyOfTheBeginning()
    const { status, stderr } = await runBy(node, [npm, 'run', '--silent', script], copy)
    expect(status).toBe(2)
    expect(stderr).toContain(`Node.js ${engines.node} is needed`)
  })

  it('is told by npm ci, which installs nothing', async () => {
    const copy = await copyOfTheBeginning()
    const { status, stderr } = await runBy(node, [npm, 'ci'], copy)
    expect(status).not.toBe(0)
    expect(stderr).toContain(`Required: {"node":"${engines.node}"}`)
    expect(existsSync(join(copy, 'node_modules'))).toBe(false)
  })
})

describe('the oldest Node that may run it', () => {
  it('runs it', async () => {
    const [numbers = ''] = /\d[\d.]*/.exec(engines.node) ?? []
    const node = await nodeOfVersion(numbers.split('.').length === 3 ? numbers : `${numbers}.0`)
    expect(await runBy(node, [main, '--help'])).toMatchObject({ status: 0, stderr: '' })
  })
})
