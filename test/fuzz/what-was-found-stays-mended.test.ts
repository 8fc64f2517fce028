import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readCorpus } from './corpus.js'
import { randomFor } from './random.js'
import { attempt } from './run-target.js'
import type { Subject } from './target.js'
import { targets } from './targets.js'
import { mutate } from './mutate.js'

const inThisProcess = targets.filter(({ remote }) => remote === undefined)

describe.each(inThisProcess)('$name', (target) => {
  let subject: Subject
  beforeAll(async () => {
    subject = await target.start()
  })
  afterAll(() => subject.stop?.())

  it('holds for everything in its corpus', async () => {
    const corpus = await readCorpus(target.name)
    expect(corpus.length).toBeGreaterThan(0)
    for (const { file, input } of corpus)
      await attempt(subject, input, target).catch((error: unknown) => {
        throw new Error(`corpus/${target.name}/${file}`, { cause: error })
      })
  })
})

it('every target has a corpus to begin with', async () => {
  for (const { name } of targets) expect((await readCorpus(name)).length, name).toBeGreaterThan(0)
})

it('a mutation is the same for the same seed', () => {
  const input = Buffer.from('<rpc message-id="1"><get/></rpc>')
  const material = { corpus: [input], words: [Buffer.from('<edit-config>')], maxSize: 4096 }
  const mutated = (seed: string) => mutate(input, randomFor(Buffer.from(seed)), material)
  expect(mutated('a')).toEqual(mutated('a'))
  expect(
    new Set(Array.from({ length: 50 }, (_, seed) => mutated(String(seed)).toString('latin1'))).size,
  ).toBeGreaterThan(30)
})
