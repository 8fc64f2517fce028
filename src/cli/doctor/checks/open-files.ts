import { counted } from '../../../lib/counted.js'
import { failed, type Finding, notChecked, ok, warning } from '../finding.js'
import { type Keeper, keeperOf } from '../../where-it-runs.js'
import type { Patient } from '../patient.js'

/** The share of the limit from which the next connections may be refused soon. */
const NEARLY_FULL = 0.9

/** May the bridge open as many files as its devices and bounds come to? */
export function checkOpenFiles(patient: Patient): readonly Finding[] {
  const { bridge, elsewhere } = patient
  const pid = bridge.answers ? bridge.facts?.process?.pid : undefined
  return openFiles(patient, elsewhere ? 'systemd' : keeperOf(pid))
}

/** The same, with what there is to be done where this keeps the bridge. */
export function openFiles({ bridge }: Pick<Patient, 'bridge'>, keeper: Keeper): readonly Finding[] {
  if (!bridge.answers) return [notChecked('no bridge runs that would tell')]
  const { limit, wanted } = bridge.facts?.openFiles ?? {}
  if (typeof limit !== 'number' || wanted === undefined) return [notChecked('the bridge does not tell its limit')]
  const open = bridge.metrics.get('process_open_fds')
  const raise = raiseTo(Math.max(65_536, 2 * wanted), keeper)
  if (open !== undefined && open > limit * NEARLY_FULL)
    return [failed(`of ${counted(limit, 'file')} ${open} are open: connections will be refused`, raise)]
  if (limit < wanted)
    return [warning(`it may open ${counted(limit, 'file')}, and its devices and bounds may come to ${wanted}`, raise)]
  return [ok(`${open === undefined ? '' : `${open} of `}${limit}; ${wanted} are wanted at most`)]
}

function raiseTo(files: number, keeper: Keeper): string {
  const ways: Readonly<Record<Keeper, string>> = {
    systemd: `LimitNOFILE=${files} in the unit (sudo systemctl edit homeport), then restart`,
    container: `--ulimit nofile=${files} for docker run, or \`ulimits\` in compose, with a new container`,
    nobody: `ulimit -n ${files} in the shell that starts it, then start it again`,
  }
  return `raise it: ${ways[keeper]}`
}
