import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { createSendStates, sendStatesIn } from '../../src/lib/send-state.js'
import { endAfterEach } from '../e2e/support/resources.js'

const own = endAfterEach()

const header =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                     \n'

/** A line as the kernel writes it. */
const line = (queued: string, timer: string, retransmissions: string, probes: number, inode: number): string =>
  `   1: 0100007F:10EE 0100007F:D431 01 ${queued}:00000000 ${timer}:00000014 ${retransmissions}     0        ${probes} ${inode} 2 00000000e240c436 20 4 30 10 -1\n`

it.each([
  ['acknowledged', line('00000000', '00', '00000000', 0, 7)],
  ['acknowledged', line('00000000', '02', '00000000', 1, 7)],
  ['under-way', line('00000100', '01', '00000000', 0, 7)],
  ['under-way', line('00000100', '01', '00000002', 0, 7)],
  ['unacknowledged', line('00000100', '01', '00000003', 0, 7)],
  ['unacknowledged', line('00000100', '01', '0000000A', 0, 7)],
  ['not-read', line('00000100', '04', '00000000', 0, 7)],
  ['unacknowledged', line('00000100', '04', '00000000', 5, 7)],
  ['unacknowledged', line('00000000', '02', '00000000', 3, 7)],
])('what the kernel writes means %s', (state, text) => {
  expect([...sendStatesIn(header + text + line('00000000', '00', '00000000', 0, 8))]).toEqual([
    ['7', state],
    ['8', 'acknowledged'],
  ])
})

it.each(['', header, 'nonsense', `${header}   1: a b c\n\n`])(
  'a table without connections tells of none: %j',
  (text) => {
    expect(sendStatesIn(text).size).toBe(0)
  },
)

/** Two ends of a connection. */
async function openPair(host: string): Promise<readonly [Socket, Socket]> {
  const server = createServer({ pauseOnConnect: true }).listen(0, host)
  await once(server, 'listening')
  const near = connect({ port: (server.address() as AddressInfo).port, host })
  const [far] = (await once(server, 'connection')) as [Socket]
  own({ stop: () => [near, far].forEach((socket) => socket.destroy()) })
  server.close()
  return [near, far]
}

it.each(['127.0.0.1', '::1'])(
  'a real connection over %s whose other side has all, then reads nothing',
  async (host) => {
    const [near, far] = await openPair(host)
    const first = createSendStates()
    near.write('hello')
    await once(far.resume(), 'data')
    far.pause()
    expect(await first(near)).toBe('acknowledged')
    // More than both kernels hold.
    while (near.writableLength < 16 * 1024 * 1024) near.write(Buffer.alloc(1024 * 1024))
    let state = await createSendStates()(near)
    while (state === 'under-way' || state === 'acknowledged') {
      await new Promise((resolve) => setTimeout(resolve, 20))
      state = await createSendStates()(near)
    }
    expect(state).toBe('not-read')
  },
)

it('nothing is known of a connection that is over', async () => {
  const [near] = await openPair('127.0.0.1')
  near.destroy()
  await once(near, 'close')
  expect(await createSendStates()(near)).toBeUndefined()
})
