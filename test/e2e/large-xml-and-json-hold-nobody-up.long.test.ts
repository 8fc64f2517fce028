import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LONGEST_TURN, leastOfTurns, longestTurnOf, reportsLoopTurns } from '../support/loop-turn.js'
import { type Netconfd, startNetconfd } from './parts/netconfd.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { createCaller, type HttpAnswer } from './support/http-api.js'

const TEST = 'urn:homeport:test'
const MIB = 1024 ** 2

let netconfd: Netconfd
let attached: AttachedDevice
let caller: ReturnType<typeof createCaller>

beforeAll(async () => {
  netconfd = await startNetconfd()
  attached = await startAttachedDevice({ netconf: netconfd.subsystem, nodeArguments: reportsLoopTurns })
  caller = createCaller(attached.bridge, 4)
})

afterAll(async () => {
  caller?.stop()
  await attached?.stop()
  await netconfd?.stop()
})

const fill = (part: string, size = 4 * MIB): string => part.repeat(Math.ceil(size / part.length))
const lists = (item: unknown, count: number): unknown[] => Array.from({ length: count }, () => item)
const NO_DEVICE = '/api/v1/devices/nowhere'

/** Asks while somebody else makes small calls, and says what the longest turn was meanwhile. */
async function ask(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}) {
  const answers: HttpAnswer[] = []
  const turn = await leastOfTurns(async () => {
    await longestTurnOf(attached.bridge)
    answers.push(await askOnce(path, body, headers))
    return longestTurnOf(attached.bridge)
  })
  expect(turn).toBeLessThan(LONGEST_TURN)
  return answers.at(-1) as HttpAnswer
}

async function askOnce(path: string, body: unknown, headers: Readonly<Record<string, string>>): Promise<HttpAnswer> {
  let over = false
  const small = (async () => {
    const statuses = new Set<number>()
    while (!over) statuses.add((await caller.call('/api/v1/devices/router1/get-config', { body: smallGet })).status)
    return [...statuses]
  })()
  const answer: HttpAnswer = await caller.call(path, { body, headers })
  over = true
  expect(await small).toEqual([200])
  return answer
}

const smallGet = { source: 'running', filter: { subtree: { box: { '@xmlns': TEST } } } }

describe('a body of many megabytes', () => {
  const nested = (depth: number, inner: string): string =>
    `${Array.from({ length: depth }, (_, at) => `<a xmlns:p${at}="urn:${at}">`).join('')}${inner}${'</a>'.repeat(depth)}`

  it.each([
    ['very many elements', `<get><filter>${fill('<a/>', 15 * MIB)}</filter></get>`],
    ['very many elements in no namespace', `<get xmlns=""><filter>${fill('<a/>')}</filter></get>`],
    ['elements in the deepest place', `<get><filter>${nested(200, fill('<p1:b/>'))}</filter></get>`],
    ['namespaces', `<get><filter>${fill('<p:a xmlns:p="urn:p" p:b=""/>')}</filter></get>`],
    ['attributes', `<get><filter><a ${fill('b="" ')}/></filter></get>`],
    ['one text', `<get><filter>${fill('x', 15 * MIB)}</filter></get>`],
    ['references', `<get><filter>${fill('&#x41;')}</filter></get>`],
    ['what is no XML at its end', `<get><filter>${fill('<a/>')}</get>`],
  ])('of XML with %s holds nobody up', async (_, body) => {
    expect((await ask(`${NO_DEVICE}/rpc`, body)).status).toBeGreaterThanOrEqual(400)
  })

  it.each([
    ['as a whole rpc', `${NO_DEVICE}/rpc`, { get: { filter: { a: lists('', 1_000_000) } } }],
    ['as a payload', `${NO_DEVICE}/edit-config`, { target: 'running', config: { a: lists({ b: '' }, 500_000) } }],
    ['as text of XML', `${NO_DEVICE}/edit-config`, { target: 'running', config: fill('<a xmlns="urn:a"/>') }],
    ['as a filter', `${NO_DEVICE}/get`, { filter: fill('<a xmlns="urn:a"/>') }],
    ['in a transaction', `${NO_DEVICE}/transaction`, { edits: lists({ config: { a: lists('', 1000) } }, 900) }],
    ['in too many edits', `${NO_DEVICE}/transaction`, { edits: lists({ config: {} }, 1_000_000) }],
    ['for many devices', '/api/v1/rpc', { ids: ['nowhere'], rpc: { get: { filter: { a: lists('', 1_000_000) } } } }],
    ['with a hundred thousand devices', '/api/v1/rpc', { ids: lists('nowhere', 100_000), rpc: '' }],
    ['where nothing is expected', `${NO_DEVICE}/get`, { nothing: lists([], 1_000_000) }],
    [
      'with a number for a name',
      `${NO_DEVICE}/get`,
      { filter: { subtree: Object.fromEntries(lists(0, 300_000).map((_, at) => [at, ''])) } },
    ],
  ])('of JSON %s holds nobody up', async (_, path, body) => {
    const { status } = await ask(path, body)
    expect(status === 200 || status >= 400).toBe(true)
    expect(status).not.toBe(500)
  })
})

describe('what is large is carried out as what is small', () => {
  const names = Array.from({ length: 12_000 }, (_, at) => `box${at}`)
  const boxes = names.map((name) => `<name>${name}</name>`).join('')

  it.each([
    ['XML', 'rpc', `<validate><source><config><box xmlns="${TEST}">${boxes}</box></config></source></validate>`],
    ['JSON', 'rpc', { validate: { source: { config: { box: { '@xmlns': TEST, name: names } } } } }],
    ['a payload of JSON', 'validate', { source: { config: { box: { '@xmlns': TEST, name: names } } } }],
    ['a payload of XML', 'validate', { source: { config: `<box xmlns="${TEST}">${boxes}</box>` } }],
  ])('%s', async (_, route, body) => {
    const large = await ask(`/api/v1/devices/router1/${route}`, body)
    const small = await caller.call('/api/v1/devices/router1/validate', {
      body: { source: { config: { box: { '@xmlns': TEST, name: ['a', 'b'] } } } },
    })
    expect([large.status, JSON.parse(large.body).type]).toEqual([small.status, JSON.parse(small.body).type])
    expect(large.body).toContain('rpc-error')
  })

  it('and a fault in it is found in its place', async () => {
    const config = { box: { '@xmlns': TEST, name: names, other: [{ '@x:y': '' }] } }
    const answer = await ask('/api/v1/devices/router1/edit-config', { target: 'running', config })
    expect(answer.status).toBe(422)
    expect(answer.body).toContain('#/config/box/other/0/%40x%3Ay')
  })
})
