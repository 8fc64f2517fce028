import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Bridge, startBridge } from '../../src/app/bridge.js'
import { StartError } from '../../src/app/start-error.js'
import { selfSignedFiles } from '../../src/app/self-signed.js'
import type { Config } from '../../src/config/schema.js'
import { configOf } from '../config/parse-text.js'
import { recordedLog } from '../northbound/http/recorded-log.js'
import { giveRsaHostKey } from '../support/rsa-host-key.js'

let directory: string
let ends: (() => Promise<unknown>)[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'homeport-start-'))
  ends = [() => rm(directory, { recursive: true, force: true })]
  await giveRsaHostKey(directory)
})
afterEach(async () => {
  for (const end of ends.toReversed()) await end()
})

/** What changes in a configuration that listens on free ports of the loopback address, section by section. */
interface Changes {
  readonly callHome?: object
  readonly ssh?: object
  readonly http?: object
  readonly more?: object
}

function configWith({ callHome = {}, ssh = {}, http = {}, more = {} }: Changes = {}): Config {
  const local = { address: '127.0.0.1', port: 0 }
  const file = {
    'call-home': { ssh: { ...local, ...callHome } },
    endpoint: { ssh: { ...local, ...ssh }, http: { ...local, ...http } },
    'drain-timeout': '0s',
    'data-dir': directory,
    ...more,
  }
  return configOf(JSON.stringify(file))
}

async function start(config: Config): Promise<Bridge> {
  const bridge = await startBridge(config, recordedLog().log)
  ends.push(() => bridge.stop())
  return bridge
}

/** What a bridge leaves open where it does not close it: servers, connections, threads. */
function resources(): readonly string[] {
  const kinds = ['TCPServerWrap', 'TCPSocketWrap', 'PipeWrap', 'MessagePort', 'FSEventWrap']
  return process
    .getActiveResourcesInfo()
    .filter((kind) => kinds.includes(kind))
    .toSorted()
}

/** What is open besides what was open before; of which some may have been about to close. */
function openedSince(before: readonly string[]): readonly string[] {
  const known = [...before]
  return resources().filter((kind) => {
    const at = known.indexOf(kind)
    if (at !== -1) known.splice(at, 1)
    return at === -1
  })
}

/** A port that somebody else has. */
async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  ends.push(() => new Promise((resolve) => server.close(resolve)))
  return (server.address() as AddressInfo).port
}

async function fileWith(name: string, content: string): Promise<string> {
  await writeFile(join(directory, name), content)
  return join(directory, name)
}

const credentials = { default: { username: 'netconf', password: 'netconf' } }

describe('a start that fails closes what it has opened, and the next one finds everything free:', {
  timeout: 30_000,
}, () => {
  /** By the stage that fails: what is wrong, and what the operator is told. */
  const failures: Readonly<Record<string, readonly [() => Promise<Changes>, RegExp]>> = {
    'the settings': [
      async () => ({ more: { trust: { 'known-hosts': await fileWith('known_hosts', 'router1 no key\n') } } }),
      /^trust\.known-hosts: .*:1: /,
    ],
    'the host keys': [
      async () => ({ ssh: { 'host-keys': [await fileWith('host_key', 'no key')] } }),
      /^endpoint\.ssh\.host-keys: /,
    ],
    'the store': [
      async () => {
        await fileWith('homeport.db', 'no database '.repeat(1000))
        return {}
      },
      /^data-dir: .*homeport\.db/,
    ],
    'the audit log, after the store': [
      async () => {
        await mkdir(join(directory, 'audit.jsonl'))
        return { more: { audit: { file: join(directory, 'audit.jsonl') } } }
      },
      /^audit\.file: .*EISDIR/,
    ],
    'the socket of the operator, when devices and clients could be served': [
      async () => ({ more: { 'data-dir': join(directory, 'd'.repeat(100)) } }),
      /^data-dir: .*socket/i,
    ],
    'the certificate of HTTP': [
      async () => {
        const { certificate, key } = selfSignedFiles(directory)
        await writeFile(certificate, 'no certificate')
        await writeFile(key, 'no key')
        return { http: { certificate, key } }
      },
      /^endpoint\.http\.certificate: /,
    ],
    'the port of clients': [async () => ({ ssh: { port: await takenPort() } }), /^endpoint\.ssh: .*in use/],
    'a further port': [
      async () => ({ ssh: { 'further-ports': [0, await takenPort()] } }),
      /^endpoint\.ssh\.further-ports: .*in use/,
    ],
    "a device's own port": [
      async () => {
        const device = { id: 'router1', secret: 's', endpoint: { port: await takenPort() } }
        return { more: { credentials, devices: [device] } }
      },
      /^devices: endpoint\.port of "router1": .*in use/,
    ],
    'the port of devices': [async () => ({ callHome: { port: await takenPort() } }), /^call-home\.ssh: .*in use/],
    'the port of HTTP, the last one': [
      async () => ({ http: { port: await takenPort() } }),
      /^endpoint\.http: .*in use/,
    ],
  }

  for (const [stage, [wrong, message]] of Object.entries(failures))
    it(stage, async () => {
      const changes = await wrong()
      const before = resources()
      const starting = startBridge(configWith(changes), recordedLog().log)
      await expect(starting).rejects.toThrow(StartError)
      await expect(starting).rejects.toThrow(message)
      await expect.poll(() => openedSince(before), { timeout: 20_000 }).toEqual([])

      await rm(join(directory, 'homeport.db'), { force: true })
      const { more } = changes
      const bridge = await start(configWith('data-dir' in (more ?? {}) ? {} : { more: withoutFault(more) }))
      expect(bridge.addresses.callHome).toMatch(/^127\.0\.0\.1:\d+$/)
    })

  /** What the failing start had besides, without what made it fail. */
  function withoutFault(more: object | undefined): object {
    return more !== undefined && 'credentials' in more ? { credentials } : {}
  }
})

describe('a bridge that runs', { timeout: 30_000 }, () => {
  it('ends with everything closed', async () => {
    const before = resources()
    const bridge = await start(configWith({ ssh: { 'further-ports': [0] } }))
    expect(openedSince(before)).toContain('TCPServerWrap')
    await bridge.stop()
    await expect.poll(() => openedSince(before), { timeout: 20_000 }).toEqual([])
  })

  it('takes another configuration, but for what needs a restart, which it names', async () => {
    const bridge = await start(configWith())
    expect(await bridge.configure(configWith({ more: { 'drain-timeout': '7s' } }))).toEqual([])
    expect(bridge.drainTimeout()).toBe(7_000)
    const moved = { 'data-dir': join(directory, 'elsewhere'), 'drain-timeout': '8s' }
    const waiting = await bridge.configure(configWith({ ssh: { 'further-ports': [0] }, more: moved }))
    expect(waiting).toEqual(['endpoint.ssh.further-ports', 'data-dir'])
    expect(bridge.drainTimeout()).toBe(8_000)
  })

  it('changes nothing where a configuration cannot be applied as a whole', async () => {
    const bridge = await start(configWith())
    const device = { id: 'router1', secret: 's' }
    const more = {
      credentials,
      devices: [device],
      'drain-timeout': '7s',
      trust: { 'known-hosts': await fileWith('known_hosts', 'router1 no key\n') },
    }
    await expect(bridge.configure(configWith({ more }))).rejects.toThrow(/^trust\.known-hosts: /)
    expect(bridge.drainTimeout()).toBe(0)
    expect(await bridge.fleet.devices()).toEqual([])
    await bridge.configure(configWith({ more: { ...more, trust: {} } }))
    expect((await bridge.fleet.devices()).map(({ id }) => id)).toEqual(['router1'])
  })
})
