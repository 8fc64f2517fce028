import { counted } from '../../../lib/counted.js'
import { existsSync } from 'node:fs'
import { failed, type Finding, notChecked, ok, warning } from '../finding.js'
import type { Patient } from '../patient.js'
import { wordsOf } from '../run-program.js'

const UNIT = 'homeport.service'
const PROPERTIES = ['LoadState', 'ActiveState', 'SubState', 'Result', 'NRestarts', 'MainPID', 'UnitFileState']
const SEE = 'journalctl -u homeport -n 50; sudo systemctl restart homeport'

/** How is the unit, where systemd runs? */
export async function checkService({ elsewhere, bridge }: Patient, signal: AbortSignal): Promise<readonly Finding[]> {
  if (elsewhere) return [notChecked('the bridge runs elsewhere')]
  if (!existsSync('/run/systemd/system')) return [notChecked('systemd does not run here')]
  const said = await wordsOf('systemctl', ['show', UNIT, `--property=${PROPERTIES.join(',')}`], signal)
  if (said === undefined) return [notChecked('systemctl does not answer')]
  return ofUnit(said, bridge.answers ? bridge.facts?.process?.pid : undefined)
}

/**
 * What the properties of a unit say.
 *
 * @param said lines of `systemctl show`
 * @param pid of the bridge that answers
 */
export function ofUnit(said: string, pid: number | undefined): readonly Finding[] {
  const unit = new Map(
    said
      .trim()
      .split('\n')
      .map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
  if (unit.get('LoadState') !== 'loaded') return [notChecked(`there is no unit ${UNIT}`)]
  const [active = '', sub = '', result = ''] = ['ActiveState', 'SubState', 'Result'].map((name) => unit.get(name))
  const state = `${UNIT} is ${active} (${sub})`
  if (sub === 'auto-restart' || active === 'failed')
    return [failed(`${state}: ${result}, started anew ${counted(Number(unit.get('NRestarts') ?? 0), 'time')}`, SEE)]
  if (active === 'inactive')
    return [
      pid === undefined
        ? failed(state, 'sudo systemctl enable --now homeport')
        : warning(`${state}, and a bridge runs beside it, process ${pid}`, 'stop one of the two'),
    ]
  const main = Number(unit.get('MainPID') ?? '0')
  if (pid !== undefined && main !== 0 && main !== pid)
    return [
      warning(`${state} as process ${main}, and it is process ${pid} that answers`, 'stop one of the two bridges'),
    ]
  const enabled = unit.get('UnitFileState') ?? ''
  if (enabled === 'disabled')
    return [warning(`${state}, but will not be started at the next boot`, 'sudo systemctl enable homeport')]
  return [ok(state)]
}
