import { copyFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ParsedKey } from 'ssh2'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { parseCertificate } from '../../../src/ssh/certificate.js'
import type { Credentials } from '../../../src/trust/credentials.js'
import { verifySignature } from '../../../src/ssh/signature.js'
import { loginMeansOf } from '../../../src/ssh/ssh2/keys.js'
import { loginKeysFor } from '../../../src/trust/ssh/login-keys.js'
import { type SshAgent, startSshAgent } from '../../e2e/parts/ssh-agent.js'
import { type KeyPair, type KeyRoom, makeKeyRoom } from '../../ssh/ssh-keygen.js'

let room: KeyRoom
let ca: KeyPair
let key: KeyPair
let agent: SshAgent
beforeAll(async () => {
  room = await makeKeyRoom()
  ca = await room.key('ca')
  key = await room.key('login')
  agent = await startSshAgent(join(room.directory, 'agent'))
})
afterAll(async () => {
  await agent.stop()
  await room.remove()
})
afterEach(() => agent.add('-D'))

const now = new Date()
const blobs = (keys: readonly ParsedKey[]): Buffer[] => keys.map((offered) => offered.getPublicSSH())
const fileOf = (of: KeyPair): string => `${of.path}-cert.pub`

describe('what is offered in a login', () => {
  it('is nothing where there is only a password', async () => {
    expect(await loginKeysFor({ username: 'netconf', password: 'any' }, 'router1', { now })).toEqual({
      keys: [],
      problems: [],
    })
  })

  it('are all certificates before all plain keys: of the own CA, of the file, of the agent', async () => {
    const inAgent = await room.key('agent', 'ecdsa-256')
    const ofFile = await room.certify(ca, key)
    const ofAgent = await room.certify(ca, inAgent)
    await agent.add(inAgent.path)
    const { keys, problems } = await loginKeysFor(
      {
        username: 'netconf',
        privateKey: key.privateKey,
        certificateFile: fileOf(key),
        agent: agent.socket,
        userCa: { key: ca.privateKey, principals: ['netops', 'admins'], lifetimeMinutes: 5 },
      },
      'router1',
      { now },
    )
    expect(problems).toEqual([])
    const [ephemeral, ...others] = blobs(keys)
    expect(others).toEqual([ofFile.blob, ofAgent.blob, key.publicKey.blob, inAgent.publicKey.blob])
    expect(keys.every((offered) => offered.isPrivateKey())).toBe(true)
    const parsed = parseCertificate(ephemeral ?? Buffer.alloc(0))
    const seconds = BigInt(Math.floor(now.getTime() / 1000))
    expect(parsed).toMatchObject({
      ok: true,
      certificate: {
        role: 'user',
        principals: ['netops', 'admins'],
        keyId: 'homeport login to router1',
        validBefore: seconds + 300n,
        ca: { blob: ca.publicKey.blob },
      },
    })
  })

  it('is a fresh key and certificate of the own CA each time', async () => {
    const credentials = {
      username: 'netconf',
      userCa: { key: ca.privateKey, principals: ['netops'], lifetimeMinutes: 5 },
    }
    const made = await Promise.all([1, 2].map(() => loginKeysFor(credentials, 'router1', { now })))
    const certified = made.flatMap(({ keys }) => blobs(keys)).map((blob) => parseCertificate(blob))
    const [first, second] = certified.map((parsed) => (parsed.ok ? parsed.certificate.key.blob : undefined))
    expect(first).toBeDefined()
    expect(second).toBeDefined()
    expect(first).not.toEqual(second)
  })

  it('is the certificate that is in the file now: a renewed one is used at once', async () => {
    const credentials = { username: 'netconf', privateKey: key.privateKey, certificateFile: fileOf(key) }
    const first = await room.certify(ca, key, ['-n', 'netops', '-z', '1'])
    expect(blobs((await loginKeysFor(credentials, 'router1', { now })).keys)).toEqual([first.blob, key.publicKey.blob])
    const renewed = await room.certify(ca, key, ['-n', 'netops', '-z', '2'])
    expect(blobs((await loginKeysFor(credentials, 'router1', { now })).keys)).toEqual([
      renewed.blob,
      key.publicKey.blob,
    ])
  })

  it('is no certificate without its key', async () => {
    await room.certify(ca, key)
    expect(await loginKeysFor({ username: 'netconf', certificateFile: fileOf(key) }, 'router1', { now })).toEqual({
      keys: [],
      problems: [],
    })
  })
})

describe('of an agent with many keys', () => {
  const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']

  async function nine(): Promise<readonly KeyPair[]> {
    const keys = await Promise.all(NAMES.map((name) => room.key(`many-${name}`)))
    for (const { path } of keys) {
      await rm(`${path}-cert.pub`, { force: true })
      await agent.add(path)
    }
    return keys
  }
  const offered = async (agentKey?: Credentials['agentKey']) => {
    const credentials = { username: 'netconf', agent: agent.socket, ...(agentKey === undefined ? {} : { agentKey }) }
    const { keys, problems } = await loginKeysFor(credentials, 'router1', { now })
    return { blobs: blobs(keys), problems }
  }

  it('all are offered, or the one that is wanted, by its line or by its file', async () => {
    const keys = await nine()
    const last = keys.at(-1) ?? key
    expect((await offered()).blobs).toHaveLength(9)
    for (const agentKey of [{ key: last.publicKey }, { file: `${last.path}.pub` }])
      expect(await offered(agentKey)).toEqual({ blobs: [last.publicKey.blob], problems: [] })
  })

  it('the one that is wanted is offered with its certificate first', async () => {
    const [first] = await nine()
    if (first === undefined) throw new Error('no key')
    const certificate = await room.certify(ca, first)
    await agent.add(first.path)
    expect(await offered({ key: first.publicKey })).toEqual({
      blobs: [certificate.blob, first.publicKey.blob],
      problems: [],
    })
  })

  it('none is offered where it does not hold that, and it is told', async () => {
    await nine()
    const missing = join(room.directory, 'nowhere.pub')
    expect(await offered({ key: key.publicKey })).toEqual({
      blobs: [],
      problems: [expect.stringMatching(/^agent \S+: it does not hold the key SHA256:\S+ of agent-key$/)],
    })
    expect(await offered({ file: missing })).toEqual({
      blobs: [],
      problems: [`agent-key ${missing}: there is no such file`],
    })
    expect(await offered({ file: key.path })).toEqual({
      blobs: [],
      problems: [expect.stringMatching(/^agent-key \S+: /)],
    })
  })
})

describe('a certificate in a file, of a key that an agent holds', () => {
  const credentials = (): Credentials => ({ username: 'netconf', agent: agent.socket, certificateFile: fileOf(key) })

  it('is offered before the key, and the agent signs for it', async () => {
    const certificate = await room.certify(ca, key)
    await copyFile(fileOf(key), join(room.directory, 'kept'))
    // ssh-add takes a certificate along that lies beside the key.
    await rm(fileOf(key))
    await agent.add(key.path)
    await copyFile(join(room.directory, 'kept'), fileOf(key))
    const { keys, problems } = await loginKeysFor(credentials(), 'router1', { now })
    expect(problems).toEqual([])
    expect(blobs(keys)).toEqual([certificate.blob, key.publicKey.blob])
    const data = Buffer.from('to be signed')
    const [first] = keys
    const signed = await loginMeansOf(first)?.sign('ssh-ed25519', data)
    expect(verifySignature({ key: certificate.key, data, signature: signed ?? Buffer.alloc(0) })).toBe('holds')
  })

  it('is told where the agent has not got the key, or it is a host certificate', async () => {
    await room.certify(ca, key)
    const other = await room.key('another')
    await agent.add(other.path)
    const { keys, problems } = await loginKeysFor(credentials(), 'router1', { now })
    expect(blobs(keys)).toEqual([other.publicKey.blob])
    expect(problems).toEqual([`certificate ${fileOf(key)}: the agent does not hold its key`])
    await room.certify(ca, key, ['-h', '-n', 'router1'])
    expect((await loginKeysFor(credentials(), 'router1', { now })).problems).toEqual([
      `certificate ${fileOf(key)}: it is a host certificate`,
    ])
  })

  it('is offered once where the agent holds it as well', async () => {
    const certificate = await room.certify(ca, key)
    await agent.add(key.path)
    const { keys, problems } = await loginKeysFor(credentials(), 'router1', { now })
    expect(problems).toEqual([])
    expect(blobs(keys)).toEqual([certificate.blob, key.publicKey.blob])
  })
})

describe('what cannot be used is told, and the rest is offered', () => {
  it.each<[string, (file: string) => Promise<unknown>, RegExp]>([
    [
      'a certificate file that is missing',
      (file) => rm(file, { force: true }),
      /^certificate \S+: there is no such file$/,
    ],
    [
      'a certificate file that holds none',
      (file) => copyFile(`${key.path}.pub`, file),
      /^certificate \S+: .*is not a supported type of certificate$/,
    ],
    [
      'a certificate of another key',
      async (file) => {
        const other = await room.key('other')
        await room.certify(ca, other)
        await copyFile(fileOf(other), file)
      },
      /does not belong to the private key/,
    ],
    [
      "a host's certificate",
      async (file) => {
        await room.certify(ca, key, ['-h', '-n', 'router1'])
        await copyFile(fileOf(key), file)
      },
      /it is a host certificate/,
    ],
  ])('%s', async (_what, prepare, problem) => {
    const certificateFile = join(room.directory, 'login-cert.pub')
    await prepare(certificateFile)
    const inAgent = await room.key('agent', 'ecdsa-256')
    await rm(fileOf(inAgent), { force: true })
    await agent.add(inAgent.path)
    const { keys, problems } = await loginKeysFor(
      { username: 'netconf', privateKey: key.privateKey, certificateFile, agent: agent.socket, password: 'never-told' },
      'router1',
      { now },
    )
    expect(blobs(keys)).toEqual([key.publicKey.blob, inAgent.publicKey.blob])
    expect(problems).toEqual([expect.stringMatching(problem)])
    expect(problems.join()).not.toContain('never-told')
  })

  it('an agent that is not there', async () => {
    const { keys, problems } = await loginKeysFor(
      { username: 'netconf', privateKey: key.privateKey, agent: join(room.directory, 'none') },
      'router1',
      { now },
    )
    expect(blobs(keys)).toEqual([key.publicKey.blob])
    expect(problems).toEqual([expect.stringMatching(/^agent \S+: the ssh-agent cannot be reached \(ENOENT\)$/)])
  })

  it('an own CA that cannot sign', async () => {
    const { keys, problems } = await loginKeysFor(
      {
        username: 'netconf',
        privateKey: key.privateKey,
        userCa: { key: ca.privateKey, principals: [], lifetimeMinutes: 5 },
      },
      'router1',
      { now },
    )
    expect(blobs(keys)).toEqual([key.publicKey.blob])
    expect(problems).toEqual([expect.stringMatching(/^user-ca: /)])
  })
})
