import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import ssh2, { type Client, type Connection, type ParsedKey, type ServerHostKeyAlgorithm } from 'ssh2'
import { hostCertificateAlgorithmsFor } from '../../../src/ssh/certificate-algorithms.js'
import { type CertificatePolicy, judgeCertificate } from '../../../src/ssh/judge-certificate.js'
import { acceptClient, connectClient } from '../../../src/ssh/ssh2/certificates.js'
import { type HostKey, loginKey, serverHostKeys } from '../../../src/ssh/ssh2/keys.js'
import { socketOf, tolerateRepeatedServiceRequest } from '../../../src/ssh/ssh2/connections.js'
import { judgeUserCertificate, type UserCertificatePolicy } from '../../../src/ssh/user-certificate.js'
import { offeredCertificate, signatureHolds } from '../../../src/ssh/verify-signature.js'
import { type Certificate, parseCertificate } from '../../../src/ssh/certificate.js'
import type { KeyKind, KeyPair } from '../../ssh/ssh-keygen.js'
import type { KeyType, SshKey } from '../parts/ssh-keys.js'
import { prepareSshd, type Sshd, type SshdOptions } from '../parts/sshd.js'

// Peers for the tests of certificates: OpenSSH's sshd on a port, an ssh2 Client that dials it, and an ssh2 Server for
// OpenSSH's ssh.

export const user = 'netops'

// --- OpenSSH's sshd --------------------------------------------------------------------------------------------------

export type ListeningSshd = { readonly port: number; readonly log: Sshd['log']; readonly stop: () => Promise<void> }

/** A real sshd behind a TCP port: each connection gets an `sshd -i` of its own. */
export async function listeningSshd(options: SshdOptions): Promise<ListeningSshd> {
  const sshd = await prepareSshd(options)
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    sshd.spawn(socket)
    // The kernel carries the bytes to sshd from here on.
    socket.destroy()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    log: sshd.log,
    stop: async () => {
      server.close()
      await sshd.stop()
    },
  }
}

/** The key as the parts want it. */
export function partKey({ kind, path, line }: KeyPair): SshKey {
  return { type: partTypes[kind], path, publicKey: line }
}

const partTypes: Readonly<Record<KeyKind, KeyType>> = {
  ed25519: 'ed25519',
  'ecdsa-256': 'ecdsa',
  'ecdsa-384': 'ecdsa',
  'ecdsa-521': 'ecdsa',
  rsa: 'rsa',
}

// --- an ssh2 Client --------------------------------------------------------------------------------------------------

export type DialOptions = {
  readonly port: number
  /** What the host must show: a certificate that this accepts, or this very plain key. */
  readonly host: Omit<CertificatePolicy, 'role'> | Buffer
  readonly algorithms?: readonly string[]
  /** Tried one after the other. */
  readonly keys: readonly ParsedKey[]
}

export type Dialled = {
  readonly client: Client
  /** Why the host or the client was refused, or `ready`. */
  readonly outcome: string
  /** Every blob that key exchange asked about, re-exchanges included. */
  readonly asked: readonly Buffer[]
  readonly end: () => Promise<void>
}

/** Dials as the bridge dials a device: judges the host at once, and again takes only what it showed first. */
export async function dial({ port, host, algorithms, keys }: DialOptions): Promise<Dialled> {
  const client = new ssh2.Client()
  const asked: Buffer[] = []
  const attempts = [...keys]
  let refusal: string | undefined
  const outcome = new Promise<string>((resolve) => {
    client.once('ready', () => resolve('ready'))
    client.on('error', (error) => resolve(refusal ?? error.message))
    client.once('close', () => resolve(refusal ?? 'closed'))
  })
  const closed = new Promise<void>((resolve) => client.once('close', resolve))
  connectClient(client, {
    host: '127.0.0.1',
    port,
    username: user,
    readyTimeout: 10_000,
    algorithms: { serverHostKey: (algorithms ?? hostCertificateAlgorithmsFor([])) as ServerHostKeyAlgorithm[] },
    hostVerifier: (blob: Buffer) => {
      const [first] = asked
      asked.push(Buffer.from(blob))
      if (first !== undefined) return first.equals(blob)
      refusal = Buffer.isBuffer(host) ? (host.equals(blob) ? undefined : 'another key') : judgeHost(blob, host)
      return refusal === undefined
    },
    authHandler: (_left, _partial, next) => {
      const key = attempts.shift()
      next(key === undefined ? (false as unknown as 'none') : { type: 'publickey', username: user, key })
    },
  })
  // With Nagle's algorithm each key exchange takes 80 ms longer.
  socketOf(client).setNoDelay(true)
  return {
    client,
    outcome: await outcome,
    asked,
    end: async () => {
      client.end()
      socketOf(client).destroy()
      await closed
    },
  }
}

function judgeHost(blob: Buffer, policy: Omit<CertificatePolicy, 'role'>): string | undefined {
  const parsed = parseCertificate(blob)
  if (!parsed.ok) return parsed.failure.reason
  const verdict = judgeCertificate(parsed.certificate, { ...policy, role: 'host' })
  return verdict.accepted ? undefined : verdict.reason
}

/** A login key that must be one. */
/** @param algorithm the only one to sign with */
export function keyFor(privateKey: ParsedKey, certificate?: Certificate, algorithm?: string): ParsedKey {
  const accepted = algorithm === undefined ? undefined : [algorithm, `${algorithm}-cert-v01@openssh.com`]
  const made = loginKey(privateKey, certificate, accepted)
  if (!made.ok) throw new Error(made.failure.message)
  return made.key
}

// --- an ssh2 Server --------------------------------------------------------------------------------------------------

export type ServerOptions = {
  readonly hostKeys: readonly HostKey[]
  /** Who may log in: by a certificate that this accepts, or with one of these plain keys. */
  readonly users: Partial<UserCertificatePolicy> & { readonly keys?: readonly Buffer[] }
  /** What a session's command or subsystem gets; the default says `hello` and ends. */
  readonly onSession?: (channel: ssh2.ServerChannel, connection: Connection) => void
}

export type TestServer = {
  readonly port: number
  /** What came of each public key that was offered, in order; `accepted` only with its signature. */
  readonly logins: readonly string[]
  readonly stop: () => Promise<void>
}

/** A server as the bridge's endpoint is one. */
export async function startServer({ hostKeys, users, onSession }: ServerOptions): Promise<TestServer> {
  const prepared = serverHostKeys(hostKeys)
  if (!prepared.ok) throw new Error(prepared.failure.message)
  const logins: string[] = []
  const sockets = new Set<Socket>()
  const server = new ssh2.Server({ hostKeys: prepared.hostKeys, ident: 'Homeport' })
  server.on('connection', (connection) => {
    acceptClient(connection)
    tolerateRepeatedServiceRequest(connection)
    const socket = socketOf(connection)
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.once('close', () => sockets.delete(socket))
    connection.on('error', () => undefined)
    connection.on('authentication', (context) => {
      if (context.method !== 'publickey') return context.reject(['publickey'])
      const { key } = context
      const refusal = judgeLogin(key, users, socket.remoteAddress ?? '')
      if (context.signature === undefined && refusal === undefined) return context.accept()
      const result = refusal ?? (signatureHolds(context) ? 'accepted' : 'bad-signature')
      logins.push(`${key.algo.replace('@openssh.com', '')} ${result}`)
      if (result === 'accepted') context.accept()
      else context.reject(['publickey'])
    })
    connection.on('session', (accept) => {
      const session = accept()
      const serve = (open: () => ssh2.ServerChannel): void => {
        const channel = open()
        if (onSession !== undefined) return onSession(channel, connection)
        channel.write('hello')
        channel.exit(0)
        channel.end()
      }
      session.on('exec', (open) => serve(open))
      session.on('subsystem', (open) => serve(open))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    logins,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

function judgeLogin(
  key: ssh2.PublicKey,
  { keys = [], ...policy }: ServerOptions['users'],
  remoteAddress: string,
): string | undefined {
  const offered = offeredCertificate(key)
  if (offered === undefined) return keys.some((blob) => blob.equals(key.data)) ? undefined : 'unknown-key'
  if (!offered.ok) return offered.failure.reason
  const verdict = judgeUserCertificate(offered.certificate, {
    trustedCas: [],
    now: new Date(),
    principals: [user],
    remoteAddress,
    ...policy,
  })
  return verdict.accepted ? undefined : verdict.reason
}
