import { expect, it } from 'vitest'
import { createApp } from '../../../src/northbound/http/app.js'
import { LONGEST_TURN, leastOfTurns, measureLoopTurns } from '../../support/loop-turn.js'
import { fleetInMemory } from './fleet-in-memory.js'
import { recordedLog } from './recorded-log.js'

const statuses = Array.from({ length: 10_000 }, (_, at) => ({
  id: `device-${at}-${'x'.repeat(100)}`,
  labels: { site: `site-${at}-${'x'.repeat(100)}` },
  maxSessions: 10,
}))
const services = fleetInMemory({ statuses })
const reached: string[] = []
const limits = { ...services.rpc.limits(), maxSelectorPatterns: 4096 }
const rpc = { ...services.rpc, limits: () => limits, boundReached: (bound: string) => reached.push(bound) }
const app = createApp({ ...services, rpc, log: recordedLog().log })

const choose = (selectors: readonly string[]) =>
  app.request('/api/v1/rpc', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ selectors, rpc: '<get/>', concurrency: 1 }),
  })

it('selectors that match late, held against ten thousand devices, let others come between', async () => {
  const late = Array.from({ length: 15 }, (_, at) => `${'*x'.repeat(120)}y${at}`)
  const turn = await leastOfTurns(async () => {
    const turns = measureLoopTurns()
    const answer = await choose([...late, ...late.map((one) => `site=${one}`)].slice(0, 16))
    expect([answer.status, answer.headers.get('homeport-devices')]).toEqual([200, '0'])
    await answer.body?.cancel()
    return turns.stop()
  })
  expect(turn).toBeLessThan(LONGEST_TURN)
})

it('selectors without wildcards may be as many as a request has', async () => {
  const answer = await choose(statuses.slice(0, 1000).map(({ id }) => id.toUpperCase()))
  expect(answer.headers.get('homeport-devices')).toBe('1000')
  await answer.body?.cancel()
})

it('selectors that are too long, or have too many characters in patterns, are refused', async () => {
  expect((await choose(['x'.repeat(257)])).status).toBe(422)
  const patterns = Array.from({ length: 20 }, () => `*${'x'.repeat(250)}`)
  const refused = await choose(patterns)
  expect([refused.status, reached]).toEqual([422, ['max-selector-patterns']])
  expect(await refused.json()).toMatchObject({ detail: expect.stringContaining('more than 4096 characters') })
  limits.maxSelectorPatterns = 10_000
  expect((await choose(patterns)).status).toBe(200)
})

it('a list of ten thousand devices takes no turn longer than a session may wait', async () => {
  const turn = await leastOfTurns(async () => {
    const turns = measureLoopTurns()
    const answer = await app.request('/api/v1/devices')
    const longest = turns.stop()
    expect(((await answer.json()) as { devices: unknown[] }).devices).toHaveLength(10_000)
    return longest
  })
  expect(turn).toBeLessThan(LONGEST_TURN)
})
