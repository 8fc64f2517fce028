import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import type { ClientChannel } from 'ssh2'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { parseCertificate } from '../../src/ssh/certificate.js'
import { judgeCertificate } from '../../src/ssh/judge-certificate.js'
import { knownHostsLine } from '../../src/ssh/known-hosts.js'
import { serverHostKeys } from '../../src/ssh/ssh2/keys.js'
import { governFlow } from '../../src/ssh/ssh2/flow-control.js'
import { openSessionChannel } from '../../src/ssh/ssh2/open-session.js'
import { type KeyPair, type KeyRoom, makeKeyRoom } from '../ssh/ssh-keygen.js'
import { byteSubsystem, deterministicBytes, expectedHash } from './parts/byte-subsystem.js'
import { dial, type Dialled, keyFor, listeningSshd, partKey, startServer, user } from './support/certificate-peers.js'

// Keys are exchanged anew in the middle of a transfer, with a host certificate that has expired meanwhile.

const MiB = 1024 * 1024
const size = 64 * MiB

let room: KeyRoom
let hostCa: KeyPair
let operator: KeyPair
beforeAll(async () => {
  room = await makeKeyRoom()
  hostCa = await room.key('host-ca')
  operator = await room.key('operator')
})
afterAll(() => room.remove())

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** The SHA-256 of a stream; `each` hears of every chunk. */
async function hashOf(stream: Readable, each: (bytes: number) => void = () => undefined): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    hash.update(chunk)
    each(chunk.length)
  }
  return hash.digest('hex')
}

function openNetconf({ client }: Dialled): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    openSessionChannel(client, { kind: 'subsystem', name: 'netconf' }, (refusal, opened) => {
      if (opened === undefined) return reject(new Error(refusal?.message))
      governFlow(opened.channel)
      resolve(opened.channel)
    })
  })
}

describe('an ssh2 Client, on the link to a real sshd', () => {
  /** Dials at a time when the certificate holds; the clock then goes past its end. */
  async function linkTo(config: readonly string[]): Promise<Dialled> {
    const key = await room.key('host')
    await room.certify(hostCa, key, ['-h', '-n', 'router1', '-V', '20260101000000Z:20260102000000Z'])
    const sshd = await listeningSshd({
      hostKeys: [partKey(key)],
      login: { user, authorizedKeys: [operator.line] },
      subsystems: { netconf: byteSubsystem.send(size) },
      config: [`HostCertificate ${key.path}-cert.pub`, ...config],
    })
    cleanups.push(sshd.stop)
    const host = {
      trustedCas: [hostCa.publicKey.blob],
      now: new Date('2026-01-01T23:59:59Z'),
      acceptsPrincipals: () => true,
    }
    const link = await dial({ port: sshd.port, host, keys: [keyFor(operator.privateKey)] })
    cleanups.push(link.end)
    expect(link.outcome).toBe('ready')
    const [shown] = link.asked
    const parsed = parseCertificate(shown ?? Buffer.alloc(0))
    const later = { ...host, now: new Date('2026-01-02T00:00:00Z') }
    expect(parsed.ok && judgeCertificate(parsed.certificate, { ...later, role: 'host' })).toMatchObject({
      reason: 'expired',
    })
    return link
  }

  it('loses no octet when sshd exchanges keys at every mebibyte', async () => {
    const link = await linkTo(['RekeyLimit 1M'])
    expect(await hashOf(await openNetconf(link))).toBe(expectedHash(size))
    expect(link.asked.length).toBeGreaterThan(30)
    expect(new Set(link.asked.map((blob) => blob.toString('base64'))).size).toBe(1)
  })

  it('loses no octet when we do, again and again', async () => {
    const link = await linkTo([])
    const { _protocol: protocol } = link.client as unknown as { readonly _protocol: { readonly rekey: () => void } }
    let since = 0
    const hash = await hashOf(await openNetconf(link), (bytes) => {
      since += bytes
      if (since < MiB) return
      since = 0
      protocol.rekey()
    })
    expect(hash).toBe(expectedHash(size))
    expect(link.asked.length).toBeGreaterThan(15)
  })

  it('refuses another key, and another certificate of the same key, in the middle of a session', async () => {
    const key = await room.key('host')
    const certify = () => room.certify(hostCa, key, ['-h', '-n', 'router1', '-V', '-1m:+1h'])
    const [first, renewed] = [await certify(), await certify()]
    const other = await room.key('other')
    const replacements = [
      { key: key.privateKey, certificates: [renewed] },
      { key: other.privateKey, certificates: [await room.certify(hostCa, other, ['-h', '-n', 'router1'])] },
    ]
    for (const replacement of replacements) {
      const prepared = serverHostKeys([replacement])
      const [entry] = prepared.ok ? prepared.hostKeys : []
      const server = await startServer({
        hostKeys: [{ key: key.privateKey, certificates: [first] }],
        users: { keys: [operator.publicKey.blob] },
        onSession: (_channel, connection) => {
          const { _protocol: protocol } = connection as unknown as Insides
          protocol._hostKeys['ssh-ed25519-cert-v01@openssh.com'] = (entry as { readonly key: unknown }).key
          connection.rekey()
        },
      })
      cleanups.push(server.stop)
      const host = { trustedCas: [hostCa.publicKey.blob], now: new Date(), acceptsPrincipals: () => true }
      const link = await dial({ port: server.port, host, keys: [keyFor(operator.privateKey)] })
      cleanups.push(link.end)
      const refused = once(link.client, 'error')
      await openNetconf(link)
      expect(await refused).toMatchObject([{ message: 'Host denied (verification failed)' }])
      expect(link.asked).toHaveLength(2)
    }
  })
})

interface Insides {
  readonly _protocol: { readonly _hostKeys: Record<string, unknown> }
}

describe('an ssh2 Server, with real ssh as its client', () => {
  async function download(options: readonly string[], rekeyEvery: number | undefined): Promise<number> {
    const key = await room.key('bridge')
    const certificate = await room.certify(hostCa, key, ['-h', '-n', 'bridge', '-V', '-1m:+1h'])
    let exchanges = 0
    const server = await startServer({
      hostKeys: [{ key: key.privateKey, certificates: [certificate] }],
      users: { keys: [operator.publicKey.blob] },
      onSession: (channel, connection) => {
        governFlow(channel)
        connection.on('rekey', () => {
          exchanges += 1
        })
        void send(channel, () => connection.rekey())
      },
    })
    cleanups.push(server.stop)
    const send = async (
      channel: NodeJS.WritableStream & { readonly exit: (status: number) => unknown },
      rekey: () => void,
    ) => {
      let since = 0
      for (const chunk of deterministicBytes(size)) {
        if (!channel.write(chunk)) await once(channel, 'drain')
        since += chunk.length
        if (rekeyEvery === undefined || since < rekeyEvery) continue
        since = 0
        rekey()
      }
      channel.exit(0)
      channel.end()
    }
    const known = await room.write('known_hosts', `${knownHostsLine(['bridge'], hostCa.publicKey, 'cert-authority')}\n`)
    const settings = [
      `UserKnownHostsFile=${known}`,
      'GlobalKnownHostsFile=none',
      'StrictHostKeyChecking=yes',
      'HostKeyAlias=bridge',
      `IdentityFile=${operator.path}`,
      'IdentityAgent=none',
      'BatchMode=yes',
      ...options,
    ]
    const args = ['-F', 'none', '-p', String(server.port), '-l', user, ...settings.flatMap((option) => ['-o', option])]
    const ssh = spawn('ssh', [...args, '-s', '127.0.0.1', 'netconf'], { stdio: ['ignore', 'pipe', 'inherit'] })
    expect(await hashOf(ssh.stdout)).toBe(expectedHash(size))
    return exchanges
  }

  it('loses no octet when ssh exchanges keys at every mebibyte', async () => {
    expect(await download(['RekeyLimit=1M'], undefined)).toBeGreaterThan(15)
  })

  it('loses no octet when we do, again and again', async () => {
    expect(await download([], MiB)).toBeGreaterThan(15)
  })
})
