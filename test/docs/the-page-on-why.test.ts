import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

type Figure = {
  readonly title: string
  readonly measured: readonly { readonly path: string; readonly value: number }[]
}

const docs = join(import.meta.dirname, '../../docs')
const { figures } = JSON.parse(readFileSync(join(docs, 'performance/results.json'), 'utf8')) as {
  readonly figures: readonly Figure[]
}

function measured(title: string, path: string): number {
  return figures.find((each) => each.title === title)?.measured.find((each) => each.path === path)?.value ?? Number.NaN
}

test('docs/why.md has the figures of the benchmarks', () => {
  const tunnel = measured('Resident memory for an idle device', 'ssh -R, 200')
  const link = measured('Resident memory for an idle device', 'homeport, 10000')
  const throughTunnel = measured('New session, connect to hello', 'ssh -R')
  const ours = measured('New session, connect to hello', 'homeport')
  expect(readFileSync(join(docs, 'why.md'), 'utf8')).toContain(
    `A tunnel takes ${(tunnel / 1000).toFixed(1)} MB where a link of Homeport takes ${link.toFixed(0)} KB, ` +
      `and a new session ${throughTunnel.toFixed(0)} ms where ours takes ${ours.toFixed(0)}`,
  )
})
