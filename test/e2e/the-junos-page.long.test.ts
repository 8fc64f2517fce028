import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { type PageSection, sectionsOf } from '../support/page-blocks.js'
import { type JunosDevice, startJunosDevice } from './parts/junos-device.js'
import { type Netconfd, startNetconfd } from './parts/netconfd.js'
import { makeTempDir } from './parts/temp-dir.js'
import { deviceLogin } from './support/attached-device.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { makePastingHost, type PastingHost } from './support/pasting-host.js'
import { endAfterEach } from './support/resources.js'
import { opsUser } from './support/users.js'

// Every command of docs/junos.md, read from the page: the bridge's half in a shell, the device's half as real sshd.

const own = endAfterEach()
const sections = sectionsOf('junos.md')
const [intro] = sections
const tried = new Set<string>()

let netconfd: Netconfd
beforeAll(async () => {
  netconfd = await startNetconfd()
})
afterAll(() => netconfd?.stop())

type Config = Readonly<Record<string, Readonly<Record<string, unknown>> | readonly unknown[] | string>>

/** A bridge, a device that knows nothing of it yet, and who follows the page on both. */
interface Journey {
  /** Does what these sections say, which stand on the page in this order. */
  readonly follow: (...headings: readonly string[]) => Promise<void>
  /** Does what they say, and waits for the link that the device comes back with. */
  readonly attachesAfter: (...headings: readonly string[]) => Promise<Attached>
  /** What the blocks have printed so far. */
  readonly printed: () => string
  readonly host: PastingHost
  readonly bridge: RunningBridge
  /** Another bridge, with the configuration and the secrets of the first one, but for its data-dir. */
  readonly secondBridge: () => Promise<RunningBridge>
  readonly device: JunosDevice
}

type Attached = Readonly<{ provenBy: unknown; loggedInBy: unknown }>

async function journey(): Promise<Journey> {
  // The device has to know where the bridges are, and the bridges' host where the device is.
  const servers: Record<string, { host: string; port: number }> = {}
  const device = own(await startJunosDevice({ servers, subsystems: { netconf: netconfd.subsystem } }))
  const host = await makePastingHost(device)
  own({ stop: host.remove })
  let config: Config = { 'data-dir': host.dataDir, users: [opsUser()], ...freePorts(), 'drain-timeout': '0s' }
  const bridge = own(await startBridge(config, { directory: host.etc }))
  servers['198.51.100.5:4334'] = { host: bridge.host, port: bridge.callHomePort }
  host.serves({ pid: bridge.process.pid, log: () => bridge.lines.all })
  let printed = ''

  const doBlock = async ({ language, text }: PageSection['blocks'][number]): Promise<void> => {
    if (language === 'yaml') {
      config = merged(config, parse(host.placed(text)) as Config)
      await writeFile(join(host.etc, 'homeport.yaml'), JSON.stringify(config))
    } else if (language === 'csh') printed += await device.shell(text)
    else if (language === 'junos')
      for (const line of text.split('\n')) await device.enter(filled(line, printed), deviceLogin.password)
    else if (language === 'sh') {
      const from = bridge.lines.all.length
      printed += await host.paste(withTyping(text), `${deviceLogin.password}\n`)
      if (text.includes('systemctl reload')) await bridge.logged(/^configuration reloaded/, {}, { from })
    }
  }
  const follow = async (...headings: readonly string[]): Promise<void> => {
    const found = headings.map((heading) => sections.findIndex((section) => section.heading === heading))
    expect(found).not.toContain(-1)
    expect(found).toEqual(found.toSorted((a, b) => a - b))
    for (const heading of headings) {
      for (const block of sections.find((section) => section.heading === heading)?.blocks ?? []) await doBlock(block)
      tried.add(heading)
    }
  }
  await follow(intro?.heading ?? '')
  return {
    follow,
    attachesAfter: async (...headings) => {
      const from = bridge.lines.all.length
      await follow(...headings)
      const { provenBy, loggedInBy } = await bridge.logged(/^link attached/, { deviceId: 'router1' }, { from })
      return { provenBy, loggedInBy }
    },
    printed: () => printed,
    host,
    bridge,
    secondBridge: async () => {
      const directory = await makeTempDir('second-bridge')
      own({ stop: directory.remove })
      await cp(join(host.etc, '.env'), join(directory.path, '.env'))
      const second = own(await startBridge({ ...config, 'data-dir': 'data' }, { directory: directory.path }))
      servers['203.0.113.7:4334'] = { host: second.host, port: second.callHomePort }
      return second
    },
    device,
  }
}

function freePorts(): Config {
  const free = { address: '127.0.0.1', port: 0 }
  return { 'call-home': { ssh: free }, endpoint: { ssh: free, http: free } }
}

/** A configuration with a block of the page written into it: what stands there of its sections and devices stays. */
function merged(config: Config, block: Config): Config {
  const next: Record<string, Config[string]> = { ...config }
  for (const [name, section] of Object.entries(block))
    next[name] =
      name === 'devices'
        ? [{ ...firstOf(config['devices']), ...firstOf(section) }]
        : { ...(config[name] as object), ...(section as object) }
  return next
}

function firstOf(devices: Config[string] | undefined): object {
  return Array.isArray(devices) ? (devices[0] as object) : {}
}

/** A line with what the reader puts in the place of its `…`: what an earlier block has printed. */
function filled(line: string, printed: string): string {
  const last = (pattern: RegExp): string => {
    const found = [...printed.matchAll(pattern)].at(-1)
    if (found === undefined) throw new Error(`nothing was printed for: ${line}`)
    return found[1] ?? found[0]
  }
  return line
    .replace('"$6$…"', () => `"${last(/^\$6\$\S+$/gm)}"`)
    .replace('"ssh-rsa AAAA…"', () => `"${last(/^ssh-rsa \S+/gm)}"`)
    .replace('"ssh-ed25519 AAAA…"', () => `"${last(/^ssh-ed25519 \S+/gm)}"`)
    .replace('secret "…"', () => `secret "${last(/^ROUTER1_SECRET=(\S+)$/gm)}"`)
}

/** `openssl passwd` asks twice, on the terminal, which a test has not. */
function withTyping(text: string): string {
  return text.replace('openssl passwd -6', 'openssl passwd -6 -stdin')
}

/** What the table of the page promises of a way of logging in. */
function promised(anchor: string): Attached {
  const row = intro?.text.split('\n').find((line) => line.startsWith('|') && line.includes(`(#${anchor})`)) ?? ''
  const cells = row.split('|').map((cell) => /`([^`]+)`/.exec(cell)?.[1])
  return { provenBy: cells[4], loggedInBy: cells[5] }
}

const SERVICE = ['The NETCONF service', 'The bridge reads it', 'The outbound-ssh client'] as const

describe('the page on Junos, followed from its top to its bottom', () => {
  it('with a password that is typed, and a secret', async () => {
    const { follow, attachesAfter, printed } = await journey()
    const attached = await attachesAfter(
      'The account',
      'A password, typed',
      'The password on the bridge',
      'A secret',
      ...SERVICE,
      'With the secret',
      'Commit',
    )
    expect(attached).toEqual(promised('a-password-typed'))
    await follow('Did it take?')
    expect(printed()).toMatch(/^router1 .*\battached\b/m)
    expect(printed()).toMatch(/"provenBy":"hmac"/)
    expect(printed()).toMatch(/<data\b/)
  })

  it('with the hash of a password, and then, on the live link, with an Ed25519 key', async () => {
    const { follow, attachesAfter, device, bridge } = await journey()
    const attached = await attachesAfter(
      'The account',
      'A password, as a hash',
      'The password on the bridge',
      'A secret',
      ...SERVICE,
      'With the secret',
      'Commit',
    )
    expect(attached).toEqual(promised('a-password-as-a-hash'))
    const from = bridge.lines.all.length
    await follow('An Ed25519 key', 'The bridge reads it')
    await device.enter('commit')
    expect(bridge.lines.all.slice(from).join('\n')).not.toMatch(/link (attached|lost|ended)/)
    const again = await attachesAfter('Trying a new login on a live link')
    expect(again).toEqual({ ...promised('an-ed25519-key'), provenBy: 'pin' })
    await follow('The old way goes')
  })

  it('with an RSA key, and the host key installed', async () => {
    const { follow, attachesAfter, device } = await journey()
    const attached = await attachesAfter('The account', 'An RSA key', 'The host key, installed', ...SERVICE, 'Commit')
    expect(attached).toEqual(promised('an-rsa-key'))
    await follow('On another port')
    await device.enter('set system services outbound-ssh client second device-id router1')
    await follow('Every further device and client')
  })

  it('with certificates of ssh-keygen, and the key in an agent', async () => {
    const { follow, attachesAfter, printed } = await journey()
    const attached = await attachesAfter(
      'The account',
      'An RSA key',
      'The CA keys',
      'The bridge trusts the host CA',
      'The device trusts the user CA',
      'The user certificate',
      'The host certificate',
      'Authorized principals',
      ...SERVICE,
      'Commit',
    )
    expect(attached).toEqual(promised('certificates'))
    expect(printed()).toMatch(/Principals: *\n *lab\n *netconf-user/)
    expect(printed()).toMatch(/etc\/ssh\/ssh_host_rsa_key\.pub/)
    await follow('Without the bridge')
    expect(printed()).toMatch(/<(\w+:)?hello /)

    await follow('The key in an agent', 'The bridge reads it')
    own({ stop: async () => void process.kill(Number(/SSH_AGENT_PID=(\d+)/.exec(printed())?.[1])) })
    expect(await attachesAfter('Trying a new login on a live link')).toEqual(promised('certificates'))
  })

  it('with certificates by homeport ca, which came after the client', async () => {
    const { follow, attachesAfter, device } = await journey()
    const password = ['The account', 'A password, typed', 'The password on the bridge', 'A secret', ...SERVICE] as const
    await attachesAfter(...password, 'With the secret', 'Commit')
    await follow(
      'An RSA key',
      'The CA keys, by Homeport',
      'The bridge trusts the host CA',
      'The device trusts the user CA',
      'The user certificate, by Homeport',
      'The host certificate, by Homeport',
      'Authorized principals in a file',
      'The bridge reads it',
    )
    await device.enter('commit')
    const tooEarly = await attachesAfter('Trying a new login on a live link')
    expect(tooEarly).toEqual({ provenBy: 'pin', loggedInBy: 'key' })
    expect(await attachesAfter('Certificates after the client')).toEqual(promised('certificates'))

    await follow('The bridge signs for itself', 'The bridge reads it')
    expect(await attachesAfter('Trying a new login on a live link')).toEqual(promised('certificates'))
  })

  it('with several bridges', async () => {
    const { follow, attachesAfter, bridge, secondBridge } = await journey()
    const password = ['The account', 'A password, typed', 'The password on the bridge', 'A secret', ...SERVICE] as const
    await attachesAfter(...password, 'With the secret', 'Commit')
    const second = await secondBridge()
    await follow('Several bridges')
    await bridge.kill()
    const { provenBy, loggedInBy } = await second.logged(/^link attached/, { deviceId: 'router1' })
    // It has to learn the device's key by itself.
    expect({ provenBy, loggedInBy }).toEqual(promised('a-password-typed'))
  })

  it('of which no command is left out', () => {
    const untried = sections.filter(({ heading, blocks }) => blocks.some(isToBeDone) && !tried.has(heading))
    expect(untried.map(({ heading }) => heading)).toEqual([])
    // What is not in such a block would never be run.
    expect(sections.flatMap(({ text }) => text.match(/^ {4,}\S.*$/gm) ?? []).filter(isCommand)).toEqual([])
  })
})

function isToBeDone({ language }: PageSection['blocks'][number]): boolean {
  return language !== 'text'
}

function isCommand(line: string): boolean {
  return /^ +(sudo|homeport|ssh|scp|set|commit|echo)\b/.test(line)
}
