/*
 * `npm run test:nodes [VERSION…]`: unit tests and the main end-to-end tests on each Node that the program supports, with
 * ssh2's addon compiled for it. The Nodes come from npm's registry, once, into test/.build/nodes.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeOfVersion, type OtherNode } from '../support/node-of-version.js'
import { type NodeRun, RUNS } from './runs.js'
import { type Tree, treeFor } from './tree.js'

/** What `addon-in-use.cjs` ends with. */
const IN_USE = 0
const NONE = 3

/** What a test imports that measures how long something takes. */
const MEASURES = /support\/(loop-turn|growth)\.js'/

const NO_UNIT_TESTS: ReadonlySet<string> = new Set(['.build', 'e2e', 'package'])

const wanted = process.argv.slice(2)
const runs = wanted.length === 0 ? RUNS : RUNS.filter(({ version }) => wanted.includes(version))
if (runs.length === 0) fail(`no such version; there are ${RUNS.map(({ version }) => version).join(', ')}`)
for (const run of runs) {
  const started = Date.now()
  await runOn(run)
  tell(`Node ${run.version}: passed in ${Math.round((Date.now() - started) / 1000)} s`)
}

async function runOn({ version, addon, unit = [], endToEnd, coverage }: NodeRun): Promise<void> {
  const node = await nodeOfVersion(version)
  const tree = await treeFor(node)
  const status = await program(node, tree, ['--expose-gc', 'test/nodes/addon-in-use.cjs'])
  if (status !== (addon ? IN_USE : NONE)) fail(`Node ${version}: ssh2's addon is ${addon ? 'not fit' : 'there'}`)
  tell(`Node ${version}, ${addon ? 'with' : 'without'} ssh2's compiled addon`)
  if (coverage) await withCoverage(node, tree)
  else await vitest(node, tree, ['--project', 'unit', ...unit])
  await vitest(node, tree, ['--project', 'e2e', '--no-file-parallelism', ...endToEnd])
}

/** All unit tests. Those that measure run by themselves: coverage makes them slower than what they hold the code to. */
async function withCoverage(node: OtherNode, tree: Tree): Promise<void> {
  const measuring = await testsThatMeasure(tree.directory)
  const others = measuring.map((file) => `--exclude=${file}`)
  await vitest(node, tree, ['--project', 'unit', '--coverage', ...others])
  await vitest(node, tree, ['--project', 'unit', ...measuring])
  await program(node, tree, ['node_modules/tsx/dist/cli.mjs', 'scripts/print-coverage.ts'])
}

async function testsThatMeasure(directory: string): Promise<readonly string[]> {
  const test = join(directory, 'test')
  // What is built lies behind a link there, and leads back to where it began.
  const rooms = (await readdir(test)).filter((name) => !NO_UNIT_TESTS.has(name))
  const listed = rooms.map(async (room) =>
    (await readdir(join(test, room), { recursive: true })).map((name) => `test/${room}/${name}`),
  )
  const files = (await Promise.all(listed)).flat().filter((name) => name.endsWith('.test.ts'))
  const texts = await Promise.all(files.map((file) => readFile(join(directory, file), 'utf8')))
  return files.filter((_, at) => MEASURES.test(texts[at] ?? ''))
}

async function vitest(node: OtherNode, tree: Tree, words: readonly string[]): Promise<void> {
  const status = await program(node, tree, ['node_modules/vitest/vitest.mjs', 'run', ...words])
  if (status !== 0) fail(`Node ${node.version}: tests fail: vitest run ${words.join(' ')}`)
}

/** @returns the exit status; undefined where a signal ended it */
async function program(node: OtherNode, tree: Tree, words: readonly string[]): Promise<number | undefined> {
  const child = spawn(node.program, words, {
    cwd: tree.directory,
    env: tree.env,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const [status] = (await once(child, 'exit')) as [number | null]
  return status ?? undefined
}

function tell(text: string): void {
  process.stdout.write(`${text}\n`)
}

function fail(text: string): never {
  process.stderr.write(`test:nodes: ${text}\n`)
  process.exit(1)
}
