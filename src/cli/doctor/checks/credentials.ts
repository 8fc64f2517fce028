import { statSync } from 'node:fs'
import type { CredentialsConfig } from '../../../config/schema.js'
import { loadPrivateKey } from '../../../ssh/host-keys.js'
import { failed, fewOf, type Finding, notChecked, orWell, warning } from '../finding.js'
import { type Patient, usableConfig } from '../patient.js'

/**
 * Can be used what is there to log in with? That every device of the file has credentials, and something in them, the
 * configuration itself is checked for.
 */
export async function checkCredentials(patient: Patient): Promise<readonly Finding[]> {
  const config = usableConfig(patient)
  if (config === undefined) return [notChecked('no configuration that is right says which there are')]
  const profiles = [...config.credentials]
  const broken = await Promise.all(profiles.map(([name, profile]) => ofProfile(name, profile)))
  const missing = config.credentials.has('default')
    ? []
    : [warning('there are no credentials `default`, which devices have that are approved when they call', 'add them')]
  return fewOf(
    orWell([...missing, ...broken.flat()], `all there: ${profiles.map(([name]) => name).join(', ')}`),
    'credentials',
  )
}

async function ofProfile(name: string, profile: CredentialsConfig): Promise<readonly Finding[]> {
  const { privateKey, passphrase, agent, userCa, userCaPassphrase } = profile
  const key = `credentials.${name}`
  return [
    ...(privateKey === undefined ? [] : await ofKey(`${key}.private-key`, privateKey, passphrase)),
    ...(userCa === undefined ? [] : await ofKey(`${key}.user-ca`, userCa, userCaPassphrase)),
    ...(agent === undefined || isSocket(agent)
      ? []
      : [warning(`${key}.agent: no agent has its socket at ${agent}`, 'start the agent as the user of the bridge')]),
  ]
}

async function ofKey(key: string, file: string, passphrase: string | undefined): Promise<readonly Finding[]> {
  const loaded = await loadPrivateKey(file, passphrase)
  return loaded.ok ? [] : [failed(`${key}: ${file}: ${loaded.failure.message}`, loaded.failure.hint)]
}

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket()
  } catch {
    return false
  }
}
