import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { loadNodeIdentity } from '../../src/cluster/node-identity.js'
import { parseCertificateLine } from '../../src/ssh/certificate.js'
import { loadPrivateKey } from '../../src/ssh/host-keys.js'
import { hostKeysFor, loginKey, serverHostKeys } from '../../src/ssh/ssh2/keys.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { makeKeyRoom } from '../ssh/ssh-keygen.js'
import { type CertifiedOtherwise, FROM_NOW, makeClusterKeys, newKey } from './support/cluster-keys.js'
import { loggedLines, startNode, type TestNode } from './support/test-node.js'
import { eventually } from './support/eventually.js'

const own = endAfterEach()

/** Two nodes that have been told of each other; what their certificates are beside honest is for the test to say. */
async function twoNodes(ofA: CertifiedOtherwise = {}, ofB: CertifiedOtherwise = {}) {
  const keys = own(makeClusterKeys())
  const a = own(await startNode({ identity: await forged(keys, 'a', ofA) }))
  const b = own(await startNode({ identity: await forged(keys, 'b', ofB), incarnation: 7 }))
  return { keys, a, b }
}

/** A node that believes in its own certificate, whatever others say. */
async function forged(keys: ReturnType<typeof makeClusterKeys>, node: string, otherwise: CertifiedOtherwise) {
  const honest = await keys.identity(node)
  if (Object.keys(otherwise).length === 0) return honest
  // As a node of ours would not load it.
  const files = keys.files(node, otherwise)
  const key = await loadPrivateKey(files.key)
  const [host, user] = readFileSync(files.certificate, 'utf8').trimEnd().split('\n').map(parseCertificateLine)
  if (!key.ok || host?.ok !== true || user?.ok !== true) throw new Error('it cannot be read')
  const hostKeys = serverHostKeys([{ key: key.key, certificates: [host.certificate] }])
  const login = loginKey(key.key, user.certificate)
  if (!hostKeys.ok || !login.ok) throw new Error('it does not fit')
  return {
    ...honest,
    hostKeys: hostKeysFor(hostKeys.hostKeys, ['ssh-ed25519-cert-v01@openssh.com']),
    loginKey: login.key,
  }
}

const refusals = (node: TestNode, msg: RegExp) =>
  loggedLines(node).filter((line) => msg.test(String(line['msg'])) && line['reason'] !== undefined)

async function refusalOf(node: TestNode, msg: RegExp) {
  await eventually(() => expect(refusals(node, msg).length).toBeGreaterThan(0))
  return refusals(node, msg)[0] ?? {}
}

describe('two nodes of a cluster', () => {
  it('reach each other, and hear what each has', async () => {
    const { a, b } = await twoNodes()
    b.links = [{ deviceId: 'router1', epoch: 1, provenAt: 1000 }]
    for (const node of [a, b]) node.peers.setNodes([a.listed, b.listed])
    await eventually(() => expect([a.seen, b.seen]).toEqual([['+b'], ['+a']]))
    expect(a.peers.reached('b')).toEqual({ node: 'b', incarnation: 7 })
    expect(a.told).toEqual([
      [b.life, { ...b.life, type: 'hello', part: 0, last: true, version: 'test', state: 'up', links: b.links }],
    ])
    expect(a.peers.counts()).toEqual({ peers: 1, reached: 1, accepted: 1, sessions: 0 })
  })
})

describe('a node that dials', () => {
  const anotherCa = newKey().key
  const wrong: readonly [string, CertifiedOtherwise, string, RegExp, RegExp][] = [
    ['of another CA', { by: anotherCa }, 'untrusted-ca', /no trusted user CA/, /homeport ca sign-node --node/],
    ['that has ended', { validity: ended() }, 'expired', /valid until/, /homeport ca sign-node --node a node\.pub/],
    ['that begins later', { validity: later() }, 'not-yet-valid', /valid from/, /clocks/],
    ['for a user', { principals: ['ops'] }, 'wrong-principal', /"ops"/, /homeport ca sign-node/],
    ['for two nodes', { principals: ['node:a', 'node:c'] }, 'wrong-principal', /"node:a", "node:c"/, /one node/],
    ['for another node', { principals: ['node:c'] }, 'wrong-principal', /"node:a".* node c/, /cluster\.node/],
    [
      'for the one that it dials',
      { principals: ['node:b'] },
      'own-id',
      /node b, which is this node itself/,
      /cluster\.node/,
    ],
  ]
  it.each(wrong)(
    'with a certificate %s is refused, and both read why',
    async (_name, otherwise, reason, message, hint) => {
      const { a, b } = await twoNodes(otherwise)
      a.peers.setNodes([a.listed, b.listed])
      const refused = await refusalOf(b, /^peer refused/)
      expect(refused).toMatchObject({ reason })
      expect(refused['msg']).toMatch(message)
      expect(refused['hint']).toMatch(hint)
      const told = await refusalOf(a, /^peer not reached/)
      expect(told).toMatchObject({ node: 'b', reason: 'turned-away' })
      expect(told['msg']).toMatch(message)
      expect(told['msg']).toMatch(hint)
      expect(b.seen).toEqual([])
    },
  )
})

describe('a node that is dialled', () => {
  const anotherCa = newKey().key
  const wrong: readonly [string, CertifiedOtherwise, string, RegExp][] = [
    ['of another CA', { by: anotherCa }, 'untrusted-ca', /no trusted host CA/],
    ['that has ended', { validity: ended() }, 'expired', /valid until/],
    ['for a device', { principals: ['router1'] }, 'wrong-principal', /"router1"/],
    ['for another node', { principals: ['node:c'] }, 'wrong-principal', /for node c, and node b was looked for/],
    ['for the one that dials', { principals: ['node:a'] }, 'own-id', /node a, which is this node itself/],
  ]
  it.each(wrong)('with a certificate %s is not let know who dials', async (_name, otherwise, reason, message) => {
    const { a, b } = await twoNodes({}, otherwise)
    a.peers.setNodes([a.listed, b.listed])
    const refused = await refusalOf(a, /^peer not reached/)
    expect(refused).toMatchObject({ node: 'b', reason })
    expect(refused['msg']).toMatch(message)
    expect(refused['hint']).toEqual(expect.stringMatching(/./))
    expect(b.seen).toEqual([])
    expect(loggedLines(b).filter(({ msg }) => msg === 'peer logged in')).toEqual([])
  })

  it('is told of by its address where nothing answers, once for as long as that is so, and reached when it is there', async () => {
    const { a, b } = await twoNodes()
    b.stop()
    a.peers.setNodes([{ ...b.listed, address: `127.0.0.1:${b.port}` }])
    const refused = await refusalOf(a, /^peer not reached/)
    expect(refused).toMatchObject({ reason: 'unreachable', address: `127.0.0.1:${b.port}` })
    expect(refused['msg']).toContain('ECONNREFUSED')
    const again = own(await startNode({ identity: b.identity, incarnation: 8, port: b.port }))
    await eventually(() => expect(again.seen).toEqual(['+a']))
    expect(refusals(a, /^peer not reached/)).toHaveLength(1)
  })

  it('is told of where its address is none', async () => {
    const { a } = await twoNodes()
    a.peers.setNodes([{ node: 'b', incarnation: 1, address: 'nonsense' }])
    expect(await refusalOf(a, /^peer not reached/)).toMatchObject({ reason: 'no-address' })
  })
})

describe('the identity of a node', () => {
  it.each<[string, CertifiedOtherwise, RegExp]>([
    [
      'of another CA',
      { by: newKey().key },
      /node-cert\.pub: the host certificate would be refused: .*no trusted host CA/,
    ],
    ['that has ended', { validity: ended() }, /node-cert\.pub: .*valid until/],
    ['for another node', { principals: ['node:b'] }, /node-cert\.pub: .*for node b, and node a was looked for/],
    ['of one role', { roles: ['user'] }, /node-cert\.pub: there is no host certificate in it/],
  ])('with a certificate %s is refused at the start', async (_name, otherwise, message) => {
    const keys = own(makeClusterKeys())
    const loaded = await loadNodeIdentity(keys.files('a', otherwise))
    if (loaded.ok) throw new Error('it was loaded')
    expect(loaded.failure.message).toMatch(message)
    expect(loaded.failure.hint).toMatch(/homeport ca sign-node --node a node\.pub|cluster\.advertise/)
  })

  it('names the file that is missing, and where it comes from', async () => {
    const keys = own(makeClusterKeys())
    for (const part of ['key', 'certificate', 'ca'] as const) {
      const loaded = await loadNodeIdentity({ ...keys.files('a'), [part]: '/nowhere/file' })
      expect(loaded).toMatchObject({ ok: false, failure: { file: '/nowhere/file' } })
    }
  })

  it('tells when the first of its certificates ends', async () => {
    const keys = own(makeClusterKeys())
    const validity = FROM_NOW(60_000)
    const { until } = await keys.identity('a', { validity })
    expect(until?.getTime()).toBe(Math.floor(validity.to.getTime() / 1000) * 1000)
  })
})

describe('a stranger on the port of nodes', () => {
  /** What OpenSSH says on its way out. */
  const dialAs = async (node: TestNode, ...options: readonly string[]): Promise<string> => {
    const all = ['BatchMode=yes', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', ...options]
    const flags = all.flatMap((option) => ['-o', option])
    const command = ['-F', 'none', '-p', String(node.port), ...flags, 'root@127.0.0.1', 'true']
    const ssh = promisify(execFile)('ssh', command)
    return ssh.then(
      () => 'it was let in',
      ({ stderr }: { stderr: string }) => stderr,
    )
  }

  it('has no algorithm in common with a node where it knows no certificates, and is told of', async () => {
    const { b } = await twoNodes()
    expect(await dialAs(b, 'HostKeyAlgorithms=rsa-sha2-512')).toMatch(/no matching host key type found/)
    expect(await refusalOf(b, /^peer refused/)).toMatchObject({ reason: 'no-common-algorithm' })
  })

  it('is not let in by a key of its own, nor by a password', async () => {
    const { b } = await twoNodes()
    const room = own(await keyRoom())
    const { path } = await room.key('stranger')
    expect(await dialAs(b, `IdentityFile=${path}`, 'IdentitiesOnly=yes')).toMatch(
      /certificates of the cluster's CA alone/,
    )
    expect(await refusalOf(b, /^peer refused/)).toMatchObject({ reason: 'not-certified' })
    expect(await dialAs(b, 'PubkeyAuthentication=no')).toMatch(/Permission denied \(publickey\)/)
  })

  it('is not served with a certificate of the CA that trusts devices or users', async () => {
    const { b } = await twoNodes()
    const room = own(await keyRoom())
    const [ca, user] = [await room.key('user_ca'), await room.key('operator')]
    await room.certify(ca, user, ['-n', 'node:a', '-V', '-1m:+1h'])
    await dialAs(b, `IdentityFile=${user.path}`, `CertificateFile=${user.path}-cert.pub`, 'IdentitiesOnly=yes')
    await eventually(() => expect(refusals(b, /^peer refused/).map(({ reason }) => reason)).toContain('untrusted-ca'))
  })

  it('that sends nothing, or garbage, is let go', async () => {
    const keys = own(makeClusterKeys())
    const b = own(await startNode({ identity: await keys.identity('b'), limits: { loginTimeout: 300 } }))
    const silent = connect(b.port, '127.0.0.1')
    await once(silent.resume(), 'close')
    expect(await refusalOf(b, /^peer refused/)).toMatchObject({ reason: 'login-timeout' })
    const garbage = connect(b.port, '127.0.0.1')
    garbage.on('error', () => undefined)
    garbage.write('GET / HTTP/1.1\r\n\r\n'.repeat(100))
    await once(garbage.resume(), 'close')
    await eventually(() => expect(b.peers.counts().accepted).toBe(0))
  })

  it('is turned away where all connections are in use', async () => {
    const keys = own(makeClusterKeys())
    const b = own(await startNode({ identity: await keys.identity('b'), limits: { maxConnections: 2 } }))
    const first = [connect(b.port, '127.0.0.1'), connect(b.port, '127.0.0.1')]
    for (const socket of first) socket.on('error', () => undefined).resume()
    await eventually(() => expect(b.peers.counts().accepted).toBe(2))
    const third = connect(b.port, '127.0.0.1').on('error', () => undefined)
    await once(third.resume(), 'close')
    expect(await refusalOf(b, /^peer refused/)).toMatchObject({ reason: 'too-many-connections' })
    for (const socket of first) socket.destroy()
  })

  it('is turned away where there are too many, and nodes still come in', async () => {
    const keys = own(makeClusterKeys())
    const b = own(
      await startNode({ identity: await keys.identity('b'), limits: { maxUnauthenticated: 8, loginTimeout: 60_000 } }),
    )
    const strangers = Array.from({ length: 12 }, () =>
      connect(b.port, '127.0.0.1')
        .on('error', () => undefined)
        .resume(),
    )
    const closed = Promise.race(strangers.map((socket) => once(socket, 'close')))
    await closed
    expect((await refusalOf(b, /^peer refused/))['reason']).toMatch(/^too-many-/)
    for (const socket of strangers) socket.destroy()
    const a = own(await startNode({ identity: await keys.identity('a') }))
    a.peers.setNodes([b.listed])
    await eventually(() => expect(b.seen).toEqual(['+a']))
  })
})

async function keyRoom() {
  const room = await makeKeyRoom()
  return { ...room, stop: room.remove }
}

function ended() {
  return { from: new Date(Date.now() - 7_200_000), to: new Date(Date.now() - 3_600_000) }
}

function later() {
  return { from: new Date(Date.now() + 3_600_000), to: new Date(Date.now() + 7_200_000) }
}
