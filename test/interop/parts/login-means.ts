import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type SshAgent, startSshAgent } from '../../e2e/parts/ssh-agent.js'
import { type KeyType, makeSshKey, type SshKey } from '../../e2e/parts/ssh-keys.js'

/** All that a login may be done with, in one directory. */
export interface LoginMeans {
  readonly directory: string
  readonly password: string
  readonly keys: Readonly<Record<KeyType, SshKey>>
  /** The CA that certifies users. */
  readonly userCa: SshKey
  /** A key whose public key nobody knows, with a certificate beside it (`-cert.pub`). */
  readonly certified: SshKey
  /** Holds a further key, and nothing else. */
  readonly agent: SshAgent
  readonly agentKey: SshKey
  readonly stop: () => Promise<void>
}

/** @param principals whom the certificate is for */
export async function makeLoginMeans(directory: string, principals: readonly string[]): Promise<LoginMeans> {
  const [rsa, ecdsa, ed25519, userCa, certified, agentKey] = await Promise.all([
    makeSshKey(directory, 'rsa'),
    makeSshKey(directory, 'ecdsa'),
    makeSshKey(directory, 'ed25519'),
    makeSshKey(directory, 'ed25519', 'user_ca'),
    makeSshKey(directory, 'ed25519', 'certified'),
    makeSshKey(directory, 'ecdsa', 'held_by_agent'),
  ])
  const signed = ['-q', '-s', userCa.path, '-I', 'interop', '-n', principals.join(), `${certified.path}.pub`]
  await promisify(execFile)('ssh-keygen', signed)
  const agent = await startSshAgent(join(directory, 'agent'))
  await agent.add(agentKey.path)
  return {
    directory,
    password: 'pw-interop',
    keys: { rsa, ecdsa, ed25519 },
    userCa,
    certified,
    agent,
    agentKey,
    stop: agent.stop,
  }
}

/** The public keys that a login is accepted with, but for certificates. */
export function acceptedKeys({ keys, agentKey }: LoginMeans): readonly string[] {
  return [...Object.values(keys), agentKey].map(({ publicKey }) => publicKey)
}
