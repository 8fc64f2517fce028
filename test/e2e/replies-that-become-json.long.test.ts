import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LONGEST_TURN, leastOfTurns, longestTurnOf, reportsLoopTurns } from '../support/loop-turn.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { createCaller } from './support/http-api.js'

const MIB = 1024 ** 2

let attached: AttachedDevice
let caller: ReturnType<typeof createCaller>

beforeAll(async () => {
  attached = await startAttachedDevice({
    netconf: byteSubsystem.answers(),
    config: { endpoint: { http: { 'max-json-reply-size': '64MiB' } } },
    nodeArguments: reportsLoopTurns,
  })
  caller = createCaller(attached.bridge, 4)
})

afterAll(async () => {
  caller?.stop()
  await attached?.stop()
})

const escaped = (text: string): string => text.replaceAll('<', '&lt;').replaceAll('>', '&gt;')
const request = (of: string, size: number): string =>
  `<get><token>t</token><size>${size}</size><of>${escaped(of)}</of></get>`

interface Answer {
  readonly status: number
  readonly body: string
}

/** Asks for a long reply while somebody else makes small calls, whom the bridge has to answer meanwhile. */
async function ask(route: string, body: unknown): Promise<Answer> {
  const answers: Answer[] = []
  const least = await leastOfTurns(async () => {
    await longestTurnOf(attached.bridge)
    answers.push(await askOnce(route, body))
    return longestTurnOf(attached.bridge)
  })
  expect(least).toBeLessThan(LONGEST_TURN)
  return answers.at(-1) as Answer
}

async function askOnce(route: string, body: unknown): Promise<Answer> {
  let over = false
  const small = (async () => {
    const statuses = new Set<number>()
    while (!over)
      statuses.add((await caller.call('/api/v1/devices/router1/rpc', { body: '<get><token>s</token></get>' })).status)
    return [...statuses]
  })()
  const answer = await caller.call(route, { body, headers: { Accept: 'application/json' } })
  over = true
  expect(await small).toEqual([200])
  return answer
}

describe('a long reply of a device that is to become JSON holds nobody up', () => {
  it.each([
    ['text', 'x', 50],
    ['elements', '<a/>', 4],
    ['elements with namespaces', '<p:a xmlns:p="urn:p" p:b="1"/>', 8],
    ['elements of many kinds in turns', '<a/><b/>text', 8],
    ['lists', '<entry><name>ge-0/0/0</name><mtu>1500</mtu></entry>', 50],
  ])('of %s', async (_, of, size) => {
    const answer = await ask('/api/v1/devices/router1/rpc', request(of, size * MIB))
    // What needs more memory than the thread has is refused; nothing else happens.
    expect([200, 413]).toContain(answer.status)
    if (size * MIB < 5 * MIB || of === 'x') expect(answer.status).toBe(200)
  })

  it.each(['xml', 'json'])('and one of several in the lines of an answer for many, as %s', async (format) => {
    const rpc = request('<entry>\u{1f600}"</entry>', 6 * MIB)
    const answer = await ask('/api/v1/rpc', { ids: ['router1'], rpc, format })
    const [line = '', summary = ''] = answer.body.trim().split('\n')
    const { reply } = JSON.parse(line) as { readonly reply: unknown }
    expect(typeof reply).toBe(format === 'xml' ? 'string' : 'object')
    expect(JSON.stringify(reply)).toContain('\u{1f600}\\"')
    expect(JSON.parse(summary)).toMatchObject({ summary: { ok: 1, failed: 0 } })
  })

  it('nor does one that is malformed at its end, or errors without end', async () => {
    expect((await ask('/api/v1/devices/router1/rpc', request('<a>', 4 * MIB))).status).toBe(502)
    const errors = request('<rpc-error><error-tag>in-use</error-tag></rpc-error>', 4 * MIB)
    expect([200, 409, 413]).toContain((await ask('/api/v1/devices/router1/rpc', errors)).status)
  })
})
