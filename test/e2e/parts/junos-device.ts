import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { readJunosLine } from '../../support/junos-statements.js'
import { junosPreamble, junosSecretPreamble } from './preamble.js'
import { makeSshKey, type SshKey } from './ssh-keys.js'
import { hashPassword, prepareSshd, type Sshd } from './sshd.js'
import type { Address } from './sshd-device.js'
import { makeTempDir } from './temp-dir.js'

export interface JunosDeviceOptions {
  /** What the servers of its statements are here, by `host:port`. */
  readonly servers: Readonly<Record<string, Address>>
  /** Shell command of each subsystem. */
  readonly subsystems: Readonly<Record<string, string>>
}

/**
 * A device that is configured by the statements of Junos: real sshd on connections that it opens, and what `commit`
 * makes of the statements in OpenSSH's words. Statements that it does not know are refused.
 */
export interface JunosDevice {
  /** Where its file system is: `/etc/ssh` and `/var/tmp` are there. */
  readonly root: string
  /** A line of configuration mode; `typed` is the answer to what it asks. Resolves when a commit has taken effect. */
  readonly enter: (line: string, typed?: string) => Promise<void>
  /** A command of its shell; paths are below `root`. */
  readonly shell: (command: string) => Promise<string>
  /** Its own SSH service, as who stands beside it reaches it. */
  readonly service: Address
  readonly stop: () => Promise<void>
}

type Path = readonly string[]

const SSH = ['system', 'services', 'ssh']
const OUTBOUND = ['system', 'services', 'outbound-ssh']

/** Statements that hold one value: another one replaces it. */
const SINGLE = new Set([
  'class',
  'encrypted-password',
  'protocol-version',
  'trusted-user-ca-key-file',
  'host-certificate-file',
  'authorized-principals-file',
  'device-id',
  'secret',
  'reconnect-strategy',
  'keep-alive',
])

/** What of the configuration a client keeps as it was when the client was committed. */
const OF_CERTIFICATES = [
  'trusted-user-ca-key-file',
  'host-certificate-file',
  'authorized-principals',
  'authorized-principals-file',
]

const REDIAL_DELAY = 50

export async function startJunosDevice(options: JunosDeviceOptions): Promise<JunosDevice> {
  const dir = await makeTempDir('junos')
  const inRoot = (path: string): string => join(dir.path, path)
  for (const directory of ['etc/ssh', 'var/tmp', 'var/etc']) await mkdir(inRoot(directory), { recursive: true })
  const hostKey = await makeSshKey(inRoot('etc/ssh'), 'rsa', 'ssh_host_rsa_key')

  const configuration = createConfiguration(inRoot)
  const sshds: Sshd[] = []
  let client: Client | undefined
  let dialling: { readonly stop: () => Promise<void> } | undefined
  let certificates: readonly Path[] = []

  const commit = async (): Promise<void> => {
    const committed = configuration.commit()
    const next = clientOf(committed)
    // The device goes on with what was there when the client came.
    if (client === undefined || next === undefined)
      certificates = below(committed, SSH).filter(([leaf = '']) => OF_CERTIFICATES.includes(leaf))
    sshds.push(await prepareSshd(await sshdOptions({ committed, certificates, inRoot, hostKey, options })))
    client = next
    if (next === undefined) {
      await dialling?.stop()
      dialling = undefined
    } else
      dialling ??= keepDialling(() => ({ client: client ?? next, sshd: sshds.at(-1) as Sshd }), {
        hostKey,
        servers: options.servers,
      })
  }
  const service = await listen(() => sshds.at(-1))
  return {
    root: dir.path,
    enter: async (line, typed) => {
      const read = readJunosLine(line)
      if (read.verb === 'commit') await commit()
      else await configuration.change(read.verb, read.path, typed)
    },
    shell: async (command) => {
      const placed = command.replaceAll(/(?<=\s)\//g, `${dir.path}/`)
      return (await promisify(execFile)('/bin/sh', ['-c', placed])).stdout
    },
    service: service.address,
    stop: async () => {
      await dialling?.stop()
      service.server.close()
      await Promise.all(sshds.map((sshd) => sshd.stop()))
      await dir.remove()
    },
  }
}

/** The statements that were entered, and those that were committed. */
function createConfiguration(inRoot: (path: string) => string) {
  let candidate: readonly Path[] = []
  const inactive = new Set<string>()

  const put = (path: Path): void => {
    const at = path.findIndex((word) => SINGLE.has(word))
    const leaf = at === -1 ? path : path.slice(0, at + 1)
    candidate = [...candidate.filter((other) => !startsWith(other, leaf)), path]
  }
  return {
    change: async (verb: 'set' | 'delete' | 'activate' | 'deactivate', path: Path, typed?: string): Promise<void> => {
      if (verb === 'activate') inactive.delete(path.join(' '))
      else if (verb === 'deactivate') inactive.add(path.join(' '))
      else if (verb === 'delete') {
        const left = candidate.filter((other) => !startsWith(other, path))
        if (left.length === candidate.length) throw new Error(`statement not found: ${path.join(' ')}`)
        candidate = left
      } else if (path.at(-1) === 'plain-text-password') {
        if (typed === undefined) throw new Error('it asks for a password')
        put([...path.slice(0, -1), 'encrypted-password', await hashPassword(typed)])
      } else if (path.includes('load-key-file')) {
        const [type = '', key = ''] = (await readFile(inRoot(path.at(-1) ?? ''), 'utf8')).split(' ')
        put([...path.slice(0, -2), type.startsWith('ecdsa') ? 'ssh-ecdsa' : type, `${type} ${key}`])
      } else put(path)
    },
    commit: () => candidate.filter((path) => ![...inactive].some((part) => startsWith(path, part.split(' ')))),
  }
}

function startsWith(path: Path, prefix: Path): boolean {
  return prefix.every((word, at) => path[at] === word)
}

/** What stands below a place, without that place. */
function below(paths: readonly Path[], prefix: Path): readonly Path[] {
  return paths.filter((path) => startsWith(path, prefix)).map((path) => path.slice(prefix.length))
}

function valueOf(paths: readonly Path[], ...leaf: Path): string | undefined {
  return below(paths, leaf)[0]?.[0]
}

/** The statements in the words of sshd_config. */
async function sshdOptions({
  committed,
  certificates,
  inRoot,
  hostKey,
  options,
}: {
  readonly committed: readonly Path[]
  readonly certificates: readonly Path[]
  readonly inRoot: (path: string) => string
  readonly hostKey: SshKey
  readonly options: JunosDeviceOptions
}) {
  const users = below(committed, ['system', 'login', 'user'])
  const [user = 'nobody'] = users[0] ?? []
  const authentication = below(users, [user, 'authentication'])
  const hash = valueOf(authentication, 'encrypted-password')
  // As Junos does, it works with copies of the files.
  const copied = async (leaf: string, name: string): Promise<string | undefined> => {
    const file = valueOf(certificates, leaf)
    if (file === undefined) return undefined
    await cp(inRoot(file), inRoot(join('var/etc', name)))
    return inRoot(join('var/etc', name))
  }
  const userCa = await copied('trusted-user-ca-key-file', 'ssh_trusted_user_ca.pub')
  const hostCertificate = await copied('host-certificate-file', 'ssh_host-cert.pub')
  const principalsFile = await copied('authorized-principals-file', 'ssh_principals')
  const principals = [
    ...below(certificates, ['authorized-principals']).flat(),
    ...(principalsFile === undefined ? [] : (await readFile(principalsFile, 'utf8')).split('\n')),
  ]
  await writeFile(inRoot('var/etc/ssh_authorized_principals'), principals.map((name) => `${name}\n`).join(''))
  return {
    hostKeys: [hostKey],
    login: {
      user,
      ...(hash === undefined ? {} : { passwordHash: hash }),
      authorizedKeys: authentication.filter(([word = '']) => word.startsWith('ssh-')).map(([, key = '']) => key),
    },
    subsystems: options.subsystems,
    config: [
      'MaxSessions 20',
      ...(userCa === undefined ? [] : [`TrustedUserCAKeys ${userCa}`]),
      ...(hostCertificate === undefined ? [] : [`HostCertificate ${hostCertificate}`]),
      ...(principals.length === 0 ? [] : [`AuthorizedPrincipalsFile ${inRoot('var/etc/ssh_authorized_principals')}`]),
      ...keepAliveOf(committed),
    ],
  }
}

function keepAliveOf(committed: readonly Path[]): readonly string[] {
  const [, retry, , timeout] = committed.find((path) => path.includes('keep-alive'))?.slice(6) ?? []
  return retry === undefined ? [] : [`ClientAliveInterval ${timeout}`, `ClientAliveCountMax ${retry}`]
}

interface Client {
  readonly deviceId: string
  readonly secret: string | undefined
  readonly servers: readonly string[]
  readonly sticky: boolean
}

/** The first client that is complete; a device with several would dial for each. */
function clientOf(committed: readonly Path[]): Client | undefined {
  const clients = below(committed, [...OUTBOUND, 'client'])
  const netconf = below(committed, ['system', 'services', 'netconf', 'ssh'])
  for (const name of new Set(clients.map(([first = '']) => first))) {
    const own = below(clients, [name])
    const servers = own.filter((path) => path[1] === 'port').map(([host, , port]) => `${host}:${port}`)
    const deviceId = valueOf(own, 'device-id')
    if (deviceId === undefined || servers.length === 0 || valueOf(own, 'services') !== 'netconf') continue
    if (netconf.length === 0) continue
    const sticky = valueOf(own, 'reconnect-strategy') === 'sticky'
    return { deviceId, secret: valueOf(own, 'secret'), servers, sticky }
  }
  return undefined
}

/** Dials one server after the other until it is stopped, by what is committed at the time of each attempt. */
function keepDialling(
  now: () => { readonly client: Client; readonly sshd: Sshd },
  { hostKey, servers }: { readonly hostKey: SshKey; readonly servers: JunosDeviceOptions['servers'] },
): { readonly stop: () => Promise<void> } {
  let stopped = false
  let hangUp: (() => Promise<void>) | undefined
  let last: string | undefined

  const attempt = async (server: string): Promise<boolean> => {
    const { client, sshd } = now()
    const address = servers[server]
    if (address === undefined) throw new Error(`the test knows no server ${server}`)
    const socket = connect(address)
    socket.pause()
    const connected = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    if (!connected || stopped) {
      socket.destroy()
      return false
    }
    socket.on('error', () => {})
    await written(socket, preambleOf(client, hostKey))
    const child = sshd.spawn(socket)
    socket.destroy()
    hangUp = () => sshd.kill(child)
    last = server
    await once(child, 'exit')
    hangUp = undefined
    return true
  }
  const run = async (): Promise<void> => {
    while (!stopped) {
      const { servers: named, sticky } = now().client
      const first = sticky && last !== undefined && named.includes(last) ? [last] : []
      for (const server of [...first, ...named.filter((name) => !first.includes(name))])
        if (stopped || (await attempt(server))) break
      await delay(REDIAL_DELAY)
    }
  }
  const ended = run()
  return {
    stop: async () => {
      stopped = true
      await hangUp?.()
      await ended
    },
  }
}

function preambleOf({ deviceId, secret }: Client, hostKey: SshKey): Buffer {
  return secret === undefined ? junosPreamble(deviceId) : junosSecretPreamble(deviceId, secret, hostKey.publicKey)
}

function written(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => socket.write(bytes, () => resolve()))
}

async function listen(sshd: () => Sshd | undefined): Promise<{ readonly server: Server; readonly address: Address }> {
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sshd()?.spawn(socket)
    socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { readonly port: number }
  return { server, address: { host: '127.0.0.1', port } }
}
