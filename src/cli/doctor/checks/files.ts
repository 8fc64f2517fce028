import { configFilesOf } from '../../../config/config-files.js'
import { resolve } from 'node:path'
import { type Account, accountNamed, accountOf } from '../../../config/account.js'
import { closeToOthers } from '../../../config/close-to-others.js'
import { denialOf } from '../../../config/denied-files.js'
import type { Problem } from '../../../config/problem.js'
import { failed, fewOf, type Finding, notChecked, ok, onlyForRoot, orWell } from '../finding.js'
import type { Patient } from '../patient.js'

/** May everybody read what nobody should, and may the bridge read what it needs? */
export async function checkFiles(patient: Patient): Promise<readonly Finding[]> {
  const { configuration } = patient
  if (!configuration.found) return [notChecked(configuration.why)]
  const { loaded, path } = configuration
  const account = accountOfBridge(patient)
  const unreadable = account === undefined ? [] : await unreadableFor(account, path, patient.io)
  const findings = [...(loaded.ok ? loaded.exposed.map((one) => exposed(one, patient.io.cwd)) : []), ...unreadable]
  if (findings.length === 0 && account === undefined)
    return [ok(`${path}: nobody else may read a secret`), notChecked('no bridge runs, and there is no user homeport')]
  return fewOf(
    orWell(findings, `${account?.name ?? 'the bridge'} may read all of them, and nobody else the secrets`),
    'files',
  )
}

/** With a command that can be pasted anywhere. */
function exposed({ file, message }: Problem, cwd: string): Finding {
  const path = resolve(cwd, file)
  return failed(`${path}: ${message}`, closeToOthers(path))
}

/** As whom the bridge runs, or would run as a service. */
export function accountOfBridge({ bridge }: Patient): Account | undefined {
  const uid = bridge.answers ? (bridge.facts?.process?.uid ?? undefined) : undefined
  return uid === undefined ? accountNamed('homeport') : accountOf(uid)
}

async function unreadableFor(account: Account, path: string, io: Patient['io']): Promise<readonly Finding[]> {
  const found = configFilesOf({ ...io, file: path })
  const findings = await Promise.all(
    [path, ...(found.ok ? found.files.named : [])].map((file) => unreadable(account, file)),
  )
  return findings.flat()
}

async function unreadable(account: Account, file: string): Promise<readonly Finding[]> {
  try {
    const denial = await denialOf(account, file)
    return denial === undefined ? [] : [failed(`${file}: ${denial.message}`, denial.hint)]
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // What has to be there is told with the configuration; .env need not.
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    return [onlyForRoot(`${file}: its permissions cannot be seen (${code ?? String(error)})`)]
  }
}
