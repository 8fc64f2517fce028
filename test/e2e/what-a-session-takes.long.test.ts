import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startSimulatedDevices } from '../../src/simulator/simulated-devices.js'
import { sectionsOf } from '../support/page-blocks.js'
import { rowsOf } from '../support/page-table.js'
import { makeTempDir } from './parts/temp-dir.js'
import { deviceLogin } from './support/attached-device.js'
import { type ConfigFile, startBridge } from './support/bridge.js'
import { createCaller } from './support/http-api.js'
import { endAfterEach } from './support/resources.js'
import { login, openNetconf } from './support/test-client.js'
import { opsUser } from './support/users.js'

// What docs/sizing.md says that no benchmark measures. A figure is right within its half and its double: memory is
// that of a process whose garbage was not collected.

const own = endAfterEach()

const DEVICES = 100
const CLIENTS = 300
const ROUNDS = 20
const ADDED = 200

const NETCONF = 'urn:ietf:params:xml:ns:netconf:base:1.0'
const HELLO = `<hello xmlns="${NETCONF}"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>`
const LOCK = `<rpc message-id="1" xmlns="${NETCONF}"><lock><target><candidate/></target></lock></rpc>]]>]]>`

/** The first number of a row of the page. */
function said(heading: string, name: string): number {
  const section = sectionsOf('sizing.md').find((each) => each.heading === heading)
  const row = section && rowsOf(section).find(([first = '']) => first.startsWith(name))
  return Number.parseFloat(row?.[1] ?? '')
}

function expectAbout(measured: number, expected: number): void {
  expect(measured).toBeGreaterThan(expected / 2)
  expect(measured).toBeLessThan(expected * 2)
}

/** The bridge opens and closes a few of its own meanwhile, such as those of its databases. */
function expectOneEach(descriptors: number, count: number): void {
  expect(Math.abs(descriptors - count)).toBeLessThan(10)
}

it('a device and a client take one descriptor each; sessions, audit lines and the store what docs/sizing.md says', async () => {
  const room = await makeTempDir('sizes')
  own({ stop: room.remove })
  const config: ConfigFile = {
    credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
    devices: Array.from({ length: DEVICES }, (_, at) => ({ id: `sim-${at + 1}`, secret: `secret of sim-${at + 1}` })),
    users: [opsUser()],
  }
  const bridge = own(await startBridge(config, { directory: room.path }))
  const descriptors = async (): Promise<number> => (await readdir(`/proc/${bridge.process.pid}/fd`)).length
  const atFirst = await descriptors()
  const devices = own(
    startSimulatedDevices({
      count: DEVICES,
      to: { host: bridge.host, port: bridge.callHomePort },
      secret: 'secret of {id}',
      username: deviceLogin.user,
      password: deviceLogin.password,
    }),
  )
  await devices.attached
  const withDevices = await descriptors()
  expectOneEach(withDevices - atFirst, DEVICES)

  const resident = await bridge.residentMemory()
  expectAbout(resident / 1e6, said('What one takes', 'bridge'))
  let replies = 0
  let allReplied = (): void => undefined
  const replied = new Promise<void>((resolve) => (allReplied = resolve))
  const channels = []
  for (let at = 0; at < CLIENTS; at += 1) {
    const channel = await openNetconf(own(await login(bridge, `sim-${(at % DEVICES) + 1}`)))
    channel.on('data', (bytes: Buffer) => {
      replies += bytes.toString().split(']]>]]>').length - 1
      // A hello each, and a reply for each request.
      if (replies === CLIENTS * (1 + ROUNDS)) allReplied()
    })
    channel.write(HELLO)
    channels.push(channel)
  }
  expectAbout(((await bridge.residentMemory()) - resident) / CLIENTS / 1000, said('What one takes', 'idle session'))
  expectOneEach((await descriptors()) - withDevices, CLIENTS)

  for (let round = 0; round < ROUNDS; round += 1) for (const channel of channels) channel.write(LOCK)
  await replied
  const caller = createCaller(bridge, 1)
  own({ stop: () => Promise.resolve(caller.stop()) })
  for (let at = 0; at < ADDED; at += 1) {
    const body = { id: `added-${at}`, secret: `secret of ${at}` }
    expect((await caller.call('/api/v1/devices', { body })).status).toBe(201)
  }
  // At its end all lines are in the file and the database, and each database is one file.
  await bridge.stop()
  const data = join(room.path, 'data')
  const record = await readFile(join(data, 'record.jsonl'))
  const lines = record.toString().trimEnd().split('\n').length
  expect(lines).toBeGreaterThan(CLIENTS * ROUNDS)
  expectAbout(record.length / lines, said('What one takes', 'line of the audit log'))
  expectAbout((await stat(join(data, 'record.db'))).size / lines, said('What one takes', 'line of the audit log'))
  const store = (await stat(join(data, 'homeport.db'))).size
  expectAbout(store / (DEVICES + ADDED) / 1000, said('Disk', 'store'))
})
