import type { ParsedKey } from 'ssh2'
import { agentIdentities } from '../../ssh/agent.js'
import { loadCertificate } from '../../ssh/certificate-file.js'
import { makeEphemeralCertificate } from '../../ssh/ephemeral-certificate.js'
import { agentLoginKey, loginKey } from '../../ssh/ssh2/keys.js'
import type { Credentials } from '../credentials.js'

export interface LoginKeys {
  /** In the order in which they are offered: certificates before plain keys, as Junos checks them. */
  readonly keys: readonly ParsedKey[]
  /** What could not be used, for the operator: without secrets. */
  readonly problems: readonly string[]
}

/** The keys and certificates to log into a device with, made ready for one login. */
export async function loginKeysFor(credentials: Credentials, deviceId: string, now: Date): Promise<LoginKeys> {
  const problems: string[] = []
  const certified: ParsedKey[] = []
  const plain: ParsedKey[] = []
  const { privateKey, certificateFile, agent, userCa } = credentials

  if (userCa !== undefined) {
    const made = makeEphemeralCertificate(userCa.key, {
      principals: userCa.principals,
      keyId: `homeport login to ${deviceId}`,
      now,
      minutes: userCa.lifetimeMinutes,
    })
    if (made.ok) add(certified, loginKey(made.privateKey, made.certificate))
    else problems.push(`user-ca: ${made.failure.message}`)
  }
  if (privateKey !== undefined && certificateFile !== undefined) {
    const loaded = await loadCertificate(certificateFile)
    if (loaded.ok) add(certified, loginKey(privateKey, loaded.certificate))
    else problems.push(`certificate ${certificateFile}: ${loaded.failure.message}`)
  }
  if (privateKey !== undefined) add(plain, loginKey(privateKey))
  if (agent !== undefined) {
    const answer = await agentIdentities(agent)
    if (answer.ok)
      for (const identity of answer.value)
        (identity.certificate === undefined ? plain : certified).push(agentLoginKey(identity))
    else problems.push(`agent ${agent}: ${answer.failure.message}`)
  }
  return { keys: [...certified, ...plain], problems }

  function add(list: ParsedKey[], made: ReturnType<typeof loginKey>): void {
    if (made.ok) list.push(made.key)
    else problems.push(made.failure.message)
  }
}
