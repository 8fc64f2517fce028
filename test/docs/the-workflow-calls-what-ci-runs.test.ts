import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

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

test('.ci/run runs the parts of npm test, one after the other', () => {
  const lines = read('.ci/run').split('\n')
  const parts = ['npm run test:setup', 'npm run build', 'npm run coverage', 'npm run test:e2e']
  expect(parts.map((part) => lines.indexOf(part)).toSorted((a, b) => a - b)).toEqual(
    parts.map((part) => lines.indexOf(part)),
  )
  expect(lines).toEqual(expect.arrayContaining(['npm run check', ...parts]))
  // What `npm test` says beside them would not be run.
  const run = [
    'npm run --silent test:setup',
    'npm run --silent build',
    scripts['test:unit'],
    'vitest run --project e2e --no-file-parallelism',
  ]
  expect(scripts['test']).toBe(run.join(' && '))
  expect(scripts['coverage']).toMatch(new RegExp(`^${scripts['test:unit']} --coverage && `))
  expect(scripts['test:e2e']).toMatch(/ && vitest run --project e2e --no-file-parallelism$/)
})
