import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { RUNS } from '../nodes/runs.js'

const root = join(import.meta.dirname, '../..')
const read = (name: string): string => readFileSync(join(root, name), 'utf8')

interface Workflow {
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly strategy: { readonly matrix: { readonly node: readonly string[] } }
        readonly steps: readonly { readonly run?: string }[]
      }
    >
  >
}

const scripts = (JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts
const workflow = parse(read('.github/workflows/ci.yml')) as Workflow

test('the workflow calls .ci/run on the oldest Node that package.json allows, and on newer ones', () => {
  const [job] = Object.values(workflow.jobs)
  expect(job?.steps.map(({ run }) => run)).toContain('.ci/run')
  const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } }
  expect(job?.strategy.matrix.node.map((version) => `>=${version}`)).toContain(engines.node)
  expect(job?.strategy.matrix.node).toContain(read('.nvmrc').trim())
})

test('.ci/run runs the command that passes all tests, and prints what the unit tests reach', () => {
  const lines = read('.ci/run').split('\n')
  const commands = ['npm run check', 'npm test', 'npm run test:long', 'npm run test:nodes']
  expect(lines.filter((line) => commands.includes(line))).toEqual(commands)
  // One of those runs prints what they reach.
  expect(RUNS.filter(({ coverage }) => coverage)).toHaveLength(1)
  expect(scripts['test']?.split(' && ')).toContain(scripts['test:unit']?.split(' && ').at(-1))
})
