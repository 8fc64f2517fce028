import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ParsedKey } from 'ssh2'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type SshAgent, startSshAgent } from './parts/ssh-agent.js'
import { type AgentFailure, agentIdentities } from '../../src/ssh/agent.js'
import type { Certificate } from '../../src/ssh/certificate.js'
import { hostCertificateAlgorithmsFor } from '../../src/ssh/certificate-algorithms.js'
import { makeEphemeralCertificate } from '../../src/ssh/ephemeral-certificate.js'
import type { CertificatePolicy } from '../../src/ssh/judge-certificate.js'
import { hostKeyAlgorithmsFor } from '../../src/ssh/host-key-algorithms.js'
import { parseKnownHosts } from '../../src/ssh/known-hosts.js'
import { nothingRevoked, revokedPartOf } from '../../src/ssh/revocation.js'
import { signCertificate } from '../../src/ssh/sign-certificate.js'
import type { SignatureAlgorithm } from '../../src/ssh/signature.js'
import { agentLoginKey } from '../../src/ssh/ssh2/keys.js'
import { certificateIn, type KeyKind, type KeyPair, type KeyRoom, keyKinds, makeKeyRoom } from '../ssh/ssh-keygen.js'
import {
  dial,
  type Dialled,
  type DialOptions,
  keyFor,
  type ListeningSshd,
  listeningSshd,
  partKey,
  startServer,
  user,
} from './support/certificate-peers.js'

// We are the client, a real sshd is the device: its host certificates, and user certificates to log in with.

let room: KeyRoom
let hostCa: KeyPair
let userCa: KeyPair
let operator: KeyPair
beforeAll(async () => {
  room = await makeKeyRoom()
  hostCa = await room.key('host-ca')
  userCa = await room.key('user-ca')
  operator = await room.key('operator')
})
afterAll(() => room.remove())

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** An sshd with a host key, perhaps certified, that lets the operator's plain key in. */
async function sshdWith(key: KeyPair, certificate?: string, config: readonly string[] = []): Promise<ListeningSshd> {
  const sshd = await listeningSshd({
    hostKeys: [partKey(key)],
    login: { user, authorizedKeys: [operator.line] },
    subsystems: { netconf: 'cat' },
    config: [...(certificate === undefined ? [] : [`HostCertificate ${certificate}`]), ...config],
  })
  cleanups.push(sshd.stop)
  return sshd
}

async function dialling(options: Omit<DialOptions, 'host' | 'keys'> & Partial<DialOptions>): Promise<Dialled> {
  const dialled = await dial({ host: trusting(), keys: [keyFor(operator.privateKey)], ...options })
  cleanups.push(dialled.end)
  return dialled
}

/** What the operator trusts: certificates of the host CA for router1. */
function trusting(changed: Partial<CertificatePolicy> = {}): Omit<CertificatePolicy, 'role'> {
  return {
    trustedCas: [hostCa.publicKey.blob],
    now: new Date(),
    acceptsPrincipals: (principals) => principals.includes('router1'),
    ...changed,
  }
}

const forRouter = ['-h', '-n', 'router1', '-V', '-1m:+1h']

describe("a device's host certificate", () => {
  const algorithms: readonly (readonly [KeyKind, SignatureAlgorithm])[] = [
    ['ed25519', 'ssh-ed25519'],
    ['ecdsa-256', 'ecdsa-sha2-nistp256'],
    ['ecdsa-384', 'ecdsa-sha2-nistp384'],
    ['ecdsa-521', 'ecdsa-sha2-nistp521'],
    ['rsa', 'rsa-sha2-512'],
    ['rsa', 'rsa-sha2-256'],
  ]
  it.each(algorithms)('of a %s key is accepted as %s, signed by a CA of that type', async (kind, algorithm) => {
    const key = await room.key('host', kind)
    const ca = await room.key('host-ca', kind)
    const certificate = await room.certify(ca, key, forRouter)
    const { port } = await sshdWith(key, `${key.path}-cert.pub`)
    const { outcome, asked } = await dialling({
      port,
      host: trusting({ trustedCas: [ca.publicKey.blob] }),
      algorithms: [`${algorithm}-cert-v01@openssh.com`],
    })
    expect(outcome).toBe('ready')
    expect(asked).toEqual([certificate.blob])
  })

  it('goes before the plain key, which still does where there is none', async () => {
    const key = await room.key('host')
    const algorithms = [...hostCertificateAlgorithmsFor(['ssh-ed25519']), ...hostKeyAlgorithmsFor(['ssh-ed25519'])]
    const { blob } = await room.certify(hostCa, key, forRouter)
    const certified = await sshdWith(key, `${key.path}-cert.pub`)
    expect((await dialling({ port: certified.port, algorithms })).asked).toEqual([blob])
    const plain = await sshdWith(key)
    const { outcome, asked } = await dialling({ port: plain.port, algorithms, host: key.publicKey.blob })
    expect([outcome, asked]).toEqual(['ready', [key.publicKey.blob]])
  })

  it.each<[string, readonly string[], Partial<CertificatePolicy>?]>([
    ['expired', ['-h', '-n', 'router1', '-V', '-2h:-1h']],
    ['not-yet-valid', ['-h', '-n', 'router1', '-V', '+1h:+2h']],
    ['wrong-principal', ['-h', '-n', 'router2', '-V', '-1m:+1h']],
    ['no-principals', ['-h', '-V', '-1m:+1h']],
    ['wrong-role', ['-n', 'router1', '-V', '-1m:+1h']],
    ['unknown-critical-option', [...forRouter, '-O', 'critical:odd@example.com']],
    ['untrusted-ca', forRouter, { trustedCas: [] }],
  ])('is refused: %s', async (reason, options, policy) => {
    const key = await room.key('refused')
    await room.certify(hostCa, key, options)
    const sshd = await sshdWith(key, `${key.path}-cert.pub`)
    const { outcome } = await dialling({ port: sshd.port, host: trusting(policy) })
    expect(outcome).toBe(reason)
    // No credentials go to a host that was refused.
    expect(sshd.log.all.join('\n')).not.toMatch(/userauth-request|attempt \d/)
  })

  it('is refused: signed with SHA-1', async () => {
    const key = await room.key('host')
    const ca = await room.key('host-ca', 'rsa')
    await room.certify(ca, key, ['-t', 'ssh-rsa', ...forRouter])
    const { port } = await sshdWith(key, `${key.path}-cert.pub`)
    const { outcome } = await dialling({ port, host: trusting({ trustedCas: [ca.publicKey.blob] }) })
    expect(outcome).toBe('weak-ca-signature')
  })

  it('is refused: @revoked in known_hosts, the key or the CA', async () => {
    const key = await room.key('host')
    await room.certify(hostCa, key, forRouter)
    const { port } = await sshdWith(key, `${key.path}-cert.pub`)
    for (const line of [key.line, hostCa.line]) {
      const { entries } = parseKnownHosts(`@revoked * ${line}`)
      const revocations = { ...nothingRevoked, keys: entries.map((entry) => entry.key.blob) }
      const revocation = (certificate: Certificate) => revokedPartOf(revocations, certificate)
      expect((await dialling({ port, host: trusting({ revocation }) })).outcome).toBe('revoked')
    }
  })

  it('is refused: changed after it was signed', async () => {
    const key = await room.key('host')
    const certificate = await room.certify(hostCa, key, ['-h', '-n', 'router2', '-V', '-1m:+1h'])
    // sshd would not load it.
    const blob = Buffer.from(certificate.blob)
    blob.write('router1', blob.indexOf('router2'))
    const tampered = certificateIn(`${certificate.type} ${blob.toString('base64')}`)
    const server = await startServer({ hostKeys: [{ key: key.privateKey, certificates: [tampered] }], users: {} })
    cleanups.push(server.stop)
    expect((await dialling({ port: server.port })).outcome).toBe('bad-ca-signature')
  })

  it('is refused: valid, but shown by somebody without its private key', async () => {
    const key = await room.key('host')
    const thief = await room.key('thief')
    await room.certify(hostCa, key, forRouter)
    // A private key that passes itself off as the certified one.
    const pretended = Object.assign(Object.create(thief.privateKey) as ParsedKey, {
      getPublicSSH: () => key.publicKey.blob,
    })
    const certificate = certificateIn(await readFile(`${key.path}-cert.pub`, 'utf8'))
    const server = await startServer({ hostKeys: [{ key: pretended, certificates: [certificate] }], users: {} })
    cleanups.push(server.stop)
    const { outcome, asked } = await dialling({ port: server.port })
    expect(asked).toEqual([])
    expect(outcome).toBe('Handshake failed: signature verification failed')
  })
})

describe('logging in to a device with a user certificate', () => {
  /** An sshd that lets in nobody but who has a certificate for the principal netconf. */
  async function sshdForCertificates(ca: KeyPair, config: readonly string[] = []): Promise<ListeningSshd> {
    const principals = await room.write('principals', 'netconf\n')
    const sshd = await listeningSshd({
      hostKeys: [partKey(await room.key('host'))],
      login: { user, authorizedKeys: [] },
      subsystems: { netconf: 'cat' },
      config: [`TrustedUserCAKeys ${ca.path}.pub`, `AuthorizedPrincipalsFile ${principals}`, ...config],
    })
    cleanups.push(sshd.stop)
    return sshd
  }

  const login = async (sshd: ListeningSshd, ...keys: readonly ParsedKey[]): Promise<string> => {
    const host = (await room.key('host')).publicKey.blob
    return (await dialling({ port: sshd.port, host, algorithms: ['ssh-ed25519'], keys })).outcome
  }

  const forNetconf = ['-n', 'netconf', '-V', '-1m:+1h']

  it.each(keyKinds)('of a %s key, signed by a CA of that type', async (kind) => {
    const ca = await room.key('user-ca', kind)
    const key = await room.key('login', kind)
    const sshd = await sshdForCertificates(ca)
    expect(await login(sshd, keyFor(key.privateKey, await room.certify(ca, key, forNetconf)))).toBe('ready')
    await sshd.log.match(/Accepted publickey for netops .*-CERT .* ID test .* CA /)
  })

  it.each(['rsa-sha2-512', 'rsa-sha2-256'] as const)(
    'signing with %s when the device takes nothing else',
    async (algorithm) => {
      const key = await room.key('login', 'rsa')
      const sshd = await sshdForCertificates(userCa, [`PubkeyAcceptedAlgorithms ${algorithm}-cert-v01@openssh.com`])
      const certificate = await room.certify(userCa, key, forNetconf)
      expect(await login(sshd, keyFor(key.privateKey, certificate, algorithm))).toBe('ready')
    },
  )

  it('that our own CA signed, of every type of CA', async () => {
    const key = await room.key('login')
    for (const kind of keyKinds) {
      const ca = await room.key('user-ca', kind)
      const signed = signCertificate(ca.privateKey, {
        role: 'user',
        key: key.publicKey.blob,
        keyId: 'ours',
        principals: ['netconf'],
        validity: { from: new Date(Date.now() - 60_000), to: new Date(Date.now() + 60_000) },
        criticalOptions: { 'source-address': '127.0.0.0/8' },
      })
      if (!signed.ok) throw new Error(signed.failure.message)
      expect(await login(await sshdForCertificates(ca), keyFor(key.privateKey, signed.certificate)), kind).toBe('ready')
    }
  })

  it('made for this login alone', async () => {
    const sshd = await sshdForCertificates(userCa)
    const request = { principals: ['netconf'], keyId: 'homeport router1', minutes: 5 }
    const made = makeEphemeralCertificate(userCa.privateKey, { ...request, now: new Date() })
    if (!made.ok) throw new Error(made.failure.message)
    expect(await login(sshd, keyFor(made.privateKey, made.certificate))).toBe('ready')
    await sshd.log.match(/Accepted publickey for netops .* ID homeport router1 /)
    const old = makeEphemeralCertificate(userCa.privateKey, { ...request, now: new Date(Date.now() - 301_000) })
    if (!old.ok) throw new Error(old.failure.message)
    expect(await login(sshd, keyFor(old.privateKey, old.certificate))).toMatch(/All configured authentication methods/)
    await sshd.log.match(/Certificate invalid: expired/)
  })

  it('is followed by the next key when the device refuses it', async () => {
    const key = await room.key('login', 'rsa')
    const sshd = await sshdWith(await room.key('host'), undefined, [`TrustedUserCAKeys ${userCa.path}.pub`])
    const certificate = await room.certify(userCa, key, ['-n', 'nobody', '-V', '-1m:+1h'])
    expect(await login(sshd, keyFor(key.privateKey, certificate), keyFor(operator.privateKey))).toBe('ready')
    await sshd.log.match(/Accepted publickey for netops .*ED25519/)
    // One attempt: the algorithm is chosen by what the device says it knows, not tried out.
    expect(sshd.log.all.filter((line) => /Failed publickey for netops .*RSA-CERT/.test(line))).toHaveLength(1)
  })

  it('with a plain RSA key never signs with SHA-1', async () => {
    const key = await room.key('login', 'rsa')
    for (const algorithm of ['rsa-sha2-512', 'rsa-sha2-256'] as const) {
      const sshd = await listeningSshd({
        hostKeys: [partKey(await room.key('host'))],
        login: { user, authorizedKeys: [key.line] },
        subsystems: {},
        config: [`PubkeyAcceptedAlgorithms ${algorithm}`],
      })
      cleanups.push(sshd.stop)
      expect(await login(sshd, keyFor(key.privateKey, undefined, algorithm)), algorithm).toBe('ready')
    }
    const sha1 = await listeningSshd({
      hostKeys: [partKey(await room.key('host'))],
      login: { user, authorizedKeys: [key.line] },
      subsystems: {},
      config: ['PubkeyAcceptedAlgorithms ssh-rsa'],
    })
    cleanups.push(sha1.stop)
    expect(await login(sha1, keyFor(key.privateKey))).toMatch(/All configured authentication methods/)
  })

  describe('that an ssh-agent holds', () => {
    let agent: SshAgent
    const problems: string[] = []
    beforeAll(async () => {
      agent = await startSshAgent(join(room.directory, 'agent'))
    })
    afterAll(() => agent.stop())
    const held = async (): Promise<ParsedKey[]> => {
      const listed = await agentIdentities(agent.socket)
      if (!listed.ok) throw new Error(listed.failure.message)
      const onProblem = ({ reason }: AgentFailure): void => void problems.push(reason)
      return listed.value.flatMap((identity) => {
        const made = agentLoginKey(identity, { onProblem })
        return made.ok ? [made.key] : []
      })
    }

    it.each(keyKinds)('with a %s key', async (kind) => {
      const key = await room.key('held', kind)
      await room.certify(userCa, key, forNetconf)
      const sshd = await sshdForCertificates(userCa)
      await agent.add('-D')
      await agent.add(key.path)
      // The agent holds the plain key and the certificate; the plain one is of no use here.
      expect(await login(sshd, ...(await held()))).toBe('ready')
      await sshd.log.match(/Accepted publickey for netops .*-CERT /)
    })

    it('is given up for the next key when the agent does not sign', async () => {
      const key = await room.key('held')
      await agent.add('-D')
      await agent.add(key.path)
      const keys = await held()
      await agent.add('-D')
      const authorized = await room.write('authorized_keys', `${key.line}\n${operator.line}\n`)
      const sshd = await sshdWith(await room.key('host'), undefined, [`AuthorizedKeysFile ${authorized}`])
      expect(await login(sshd, ...keys, keyFor(operator.privateKey))).toBe('ready')
      await sshd.log.match(/Accepted publickey for netops .*ED25519/)
      expect(problems).toEqual(['agent-refused'])
    })
  })
})
