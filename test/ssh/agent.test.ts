import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { agentIdentities, type AgentIdentity, signWithAgent } from '../../src/ssh/agent.js'
import { signatureAlgorithmsOf, verifySignature } from '../../src/ssh/signature.js'
import { type SshAgent, startSshAgent } from '../e2e/parts/ssh-agent.js'
import { type KeyRoom, keyKinds, makeKeyRoom } from './ssh-keygen.js'

let room: KeyRoom
let agent: SshAgent
beforeAll(async () => {
  room = await makeKeyRoom()
  agent = await startSshAgent(join(room.directory, 'agent'))
})
afterAll(async () => {
  await agent.stop()
  await room.remove()
})
afterEach(() => agent.add('-D'))

async function identities(): Promise<readonly AgentIdentity[]> {
  const listed = await agentIdentities(agent.socket)
  if (!listed.ok) throw new Error(listed.failure.message)
  return listed.value
}

describe('a real ssh-agent', () => {
  it.each(keyKinds)('lists and signs with a %s key, alone and with its certificate', async (kind) => {
    const key = await room.key('user', kind)
    const certificate = await room.certify(await room.key('ca'), key)
    await agent.add(key.path)
    const held = await identities()
    expect(held.map((identity) => identity.certificate?.blob)).toEqual([undefined, certificate.blob])
    expect(held.map((identity) => identity.key.blob)).toEqual([key.publicKey.blob, key.publicKey.blob])
    const data = Buffer.from('to be signed')
    for (const identity of held)
      for (const algorithm of signatureAlgorithmsOf(identity.key.type)) {
        const signed = await signWithAgent(identity, { algorithm, data })
        expect(
          signed.ok && verifySignature({ key: identity.key, data, signature: signed.value, expected: [algorithm] }),
        ).toBe('holds')
      }
  })

  it('with no keys lists none, and refuses to sign with one that is gone', async () => {
    const key = await room.key('user')
    await agent.add(key.path)
    const [identity] = await identities()
    await agent.add('-D')
    expect(await identities()).toEqual([])
    if (identity === undefined) throw new Error('the agent has no key')
    expect(await signWithAgent(identity, { algorithm: 'ssh-ed25519', data: Buffer.from('x') })).toMatchObject({
      ok: false,
      failure: { reason: 'agent-refused' },
    })
  })
})

describe('an agent that is at fault', () => {
  it('is told when nobody listens', async () => {
    expect(await agentIdentities(join(room.directory, 'nobody'))).toMatchObject({
      ok: false,
      failure: { reason: 'agent-unreachable', message: 'the ssh-agent cannot be reached (ENOENT)' },
    })
  })

  it.each([
    ['closes', undefined, 'agent-unreachable'],
    ['sends too much', Buffer.from([0xff, 0, 0, 0, 12]), 'agent-malformed-answer'],
    ['sends half a list', Buffer.from([0, 0, 0, 6, 12, 0, 0, 0, 1, 9]), 'agent-malformed-answer'],
    ['sends another message', Buffer.from([0, 0, 0, 1, 6]), 'agent-refused'],
    ['is silent', Buffer.alloc(0), 'agent-timeout'],
  ])('is told when it %s', async (_what, answer, cause) => {
    const path = join(room.directory, 'faulty')
    const server = createServer((client) => {
      client.on('error', () => undefined)
      if (answer === undefined) client.destroy()
      else client.write(answer)
    }).listen(path)
    await once(server, 'listening')
    try {
      expect(await agentIdentities(path, 200)).toMatchObject({ ok: false, failure: { reason: cause } })
    } finally {
      server.close()
    }
  })
})
