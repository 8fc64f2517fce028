import { expect, it } from 'vitest'
import { LONGEST_TURN, leastOfTurns, longestTurnOf, reportsLoopTurns } from '../support/loop-turn.js'
import { auditFileOf, auditedOnce } from './support/audit-lines.js'
import { startBridge } from './support/bridge.js'
import { endAfterEach } from './support/resources.js'
import { closeOf, login, openNetconf } from './support/test-client.js'
import { opsUser } from './support/users.js'

const own = endAfterEach()

const NS = 'xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"'
const END = ']]>]]>'
const hello = (version: string): string =>
  `<hello ${NS}><capabilities><capability>urn:ietf:params:netconf:base:${version}</capability></capabilities></hello>${END}`
const rpc = (id: number): string => `<rpc ${NS} message-id="${id}"><get/></rpc>`
const chunked = (message: string): string => `\n#${Buffer.byteLength(message)}\n${message}\n##\n`
const thousand = Array.from({ length: 1000 }, (_, id) => rpc(id))
const attributes = Array.from({ length: 900 }, (_, at) => `a${at}="1"`).join(' ')

/** What somebody sends on a channel that gets no session. */
const HOSTILE: readonly (readonly [string, string])[] = [
  ['zeros', '\0'.repeat(100_000)],
  ['a hello without end', `<hello ${NS}><capabilities>${' '.repeat(2_000_000)}`],
  ['a thousand requests', hello('1.0') + thousand.map((one) => one + END).join('')],
  ['a thousand requests in chunks', hello('1.1') + thousand.map(chunked).join('')],
  ['chunks of one byte', `${hello('1.1')}${'\n#1\na'.repeat(300_000)}`],
  ['hundreds of attributes', `${hello('1.0')}<rpc ${NS} ${attributes}><get/></rpc>${END}`],
  ['a start tag without end', `${hello('1.0')}<rpc ${'x'.repeat(2_000_000)}`],
  ['ends of messages that are none', ']]>'.repeat(300_000)],
  ['a document type', `${hello('1.0')}<!DOCTYPE a [${'<!ENTITY b "c">'.repeat(50_000)}]>${rpc(1)}${END}`],
  [
    'ten requests of a megabyte',
    hello('1.0') + `<rpc ${NS} message-id="1">${'x'.repeat(1_000_000)}</rpc>${END}`.repeat(10),
  ],
]

/** Channels of one connection at a time, and rounds of them. */
const AT_A_TIME = 10
const ROUNDS = 4

/** Bytes. */
const ALLOWED_GROWTH = 150 * 1024 * 1024

it('whatever a client sends on channels that get no session costs no more than any refusal', async () => {
  const bridge = own(
    await startBridge(
      {
        users: [opsUser()],
        // A place on the connection is free a moment after the client hears that its channel is closed.
        endpoint: { ssh: { 'max-sessions-per-connection': 100 } },
        devices: [{ id: 'router1', secret: 'away' }],
        credentials: { default: { username: 'n', password: 'pw' } },
      },
      { nodeArguments: reportsLoopTurns },
    ),
  )
  const client = await login(bridge, 'router1')
  // What is loaded at the first refusal is not what they cost.
  const first = await openNetconf(client)
  first.end(`${hello('1.0')}${rpc(1)}${END}`)
  first.resume()
  await closeOf(first)
  const before = await bridge.residentMemory()
  let asked = 1
  const attack = async (): Promise<void> => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const channels = await Promise.all(Array.from({ length: AT_A_TIME }, () => openNetconf(client)))
      const closed = channels.map((channel, at) => {
        channel.on('error', () => undefined)
        channel.resume()
        channel.stderr.resume()
        const gone = closeOf(channel)
        channel.end(HOSTILE[(round + at) % HOSTILE.length]?.[1] ?? '')
        return gone
      })
      await Promise.all(closed)
    }
    asked += ROUNDS * AT_A_TIME
  }
  const turn = await leastOfTurns(async () => {
    await longestTurnOf(bridge)
    await attack()
    return longestTurnOf(bridge)
  })
  expect(turn).toBeLessThan(LONGEST_TURN)
  expect((await bridge.residentMemory()) - before).toBeLessThan(ALLOWED_GROWTH)
  const audited = await auditedOnce(
    auditFileOf(bridge),
    'each refusal to be written down',
    (lines) => lines.filter(({ event }) => event === 'session-refused').length === asked,
  )
  expect(
    new Set(audited.map(({ event, reason, user, deviceId }) => [event, reason, user, deviceId].join(' '))),
  ).toEqual(new Set(['session-refused not-connected ops router1']))
  expect(bridge.log().filter(({ reason }) => reason === 'not-connected').length).toBeLessThan(25)
  const gone = closeOf(client)
  client.end()
  await gone
})
