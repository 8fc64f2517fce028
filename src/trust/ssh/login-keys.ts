import { readFile } from 'node:fs/promises'
import type { ParsedKey } from 'ssh2'
import { agentIdentities, type AgentIdentity } from '../../ssh/agent.js'
import { loadCertificate } from '../../ssh/certificate-file.js'
import { makeEphemeralCertificate } from '../../ssh/ephemeral-certificate.js'
import { fingerprintOf, parsePlainKeyLine, type PublicKey } from '../../ssh/public-key.js'
import { agentLoginKey, loginKey } from '../../ssh/ssh2/keys.js'
import type { Credentials } from '../credentials.js'

export interface LoginKeys {
  /** In the order in which they are offered: certificates before plain keys, as Junos checks them. */
  readonly keys: readonly ParsedKey[]
  /** What could not be used, for the operator: without secrets. */
  readonly problems: readonly string[]
}

/**
 * What an agent holds, or of that the one key that is wanted. A device counts each key that it is offered as an
 * attempt, and hangs up after few (`MaxAuthTries` of sshd, 6 by default).
 */
async function identitiesToOffer(
  agent: string,
  wanted: Credentials['agentKey'],
): Promise<
  | { readonly ok: true; readonly identities: readonly AgentIdentity[] }
  | { readonly ok: false; readonly problem: string }
> {
  const loaded = wanted === undefined || 'key' in wanted ? wanted : await loadPublicKey(wanted.file)
  if (loaded !== undefined && 'problem' in loaded) return { ok: false, problem: `agent-key ${loaded.problem}` }
  const answer = await agentIdentities(agent)
  if (!answer.ok) return { ok: false, problem: `agent ${agent}: ${answer.failure.message}` }
  if (loaded === undefined) return { ok: true, identities: answer.value }
  const { blob } = loaded.key
  const identities = answer.value.filter(({ key }) => key.blob.equals(blob))
  return identities.length > 0
    ? { ok: true, identities }
    : { ok: false, problem: `agent ${agent}: it does not hold the key ${fingerprintOf(blob)} of agent-key` }
}

/** Beside what an agent holds, the certificate in a file, if it is of a key of the agent's. */
async function withCertificateFrom(
  file: string | undefined,
  identities: readonly AgentIdentity[],
): Promise<{ readonly identities: readonly AgentIdentity[]; readonly problem?: string }> {
  if (file === undefined) return { identities }
  const loaded = await loadCertificate(file)
  if (!loaded.ok) return { identities, problem: `certificate ${file}: ${loaded.failure.message}` }
  const { certificate } = loaded
  if (certificate.role !== 'user')
    return { identities, problem: `certificate ${file}: it is a ${certificate.role} certificate` }
  if (identities.some((held) => held.certificate?.blob.equals(certificate.blob))) return { identities }
  const holder = identities.find(({ key }) => key.blob.equals(certificate.key.blob))
  if (holder === undefined) return { identities, problem: `certificate ${file}: the agent does not hold its key` }
  return { identities: [{ ...holder, certificate, certificateFromFile: true }, ...identities] }
}

async function loadPublicKey(
  file: string,
): Promise<{ readonly key: Pick<PublicKey, 'blob'> } | { readonly problem: string }> {
  try {
    const parsed = parsePlainKeyLine((await readFile(file, 'utf8')).trim())
    return parsed.ok ? { key: parsed.key } : { problem: `${file}: ${parsed.failure.message}` }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return { problem: `${file}: ${code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`}` }
  }
}

/**
 * The keys and certificates to log into a device with, made ready for one login.
 * @param by.accepted the algorithms that they may be offered by; the usual ones when not given
 */
export async function loginKeysFor(
  credentials: Credentials,
  deviceId: string,
  by: { readonly now: Date; readonly accepted?: readonly string[] | undefined },
): Promise<LoginKeys> {
  const { now, accepted } = by
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
    if (made.ok) add(certified, loginKey(made.privateKey, made.certificate, accepted))
    else problems.push(`user-ca: ${made.failure.message}`)
  }
  if (privateKey !== undefined && certificateFile !== undefined) {
    const loaded = await loadCertificate(certificateFile)
    if (loaded.ok) add(certified, loginKey(privateKey, loaded.certificate, accepted))
    else problems.push(`certificate ${certificateFile}: ${loaded.failure.message}`)
  }
  if (privateKey !== undefined) add(plain, loginKey(privateKey, undefined, accepted))
  if (agent !== undefined) {
    const held = await identitiesToOffer(agent, credentials.agentKey)
    if (held.ok) {
      const file = privateKey === undefined ? certificateFile : undefined
      const { identities, problem } = await withCertificateFrom(file, held.identities)
      if (problem !== undefined) problems.push(problem)
      for (const identity of identities)
        add(identity.certificate === undefined ? plain : certified, agentLoginKey(identity, { accepted }))
    } else problems.push(held.problem)
  }
  return { keys: [...certified, ...plain], problems }

  function add(list: ParsedKey[], made: ReturnType<typeof loginKey>): void {
    if (made.ok) list.push(made.key)
    else problems.push(made.failure.message)
  }
}
