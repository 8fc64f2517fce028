import { version } from '../../../app/package-info.js'
import { strangerText } from '../../../lib/stranger-text.js'
import { ago } from '../../../fleet/ago.js'
import { failed, type Finding, notChecked, ok, warning } from '../finding.js'
import { keeperOf } from '../../where-it-runs.js'
import type { Patient } from '../patient.js'

/** Does a bridge answer, and is it ready? */
export function checkBridge({ bridge, now }: Patient): readonly Finding[] {
  if (!bridge.answers) {
    const { message, hint, more = [] } = bridge.problem
    return [failed(message, [hint, ...more].filter((line) => line !== undefined).join('; '))]
  }
  if (bridge.unready.length > 0)
    return bridge.unready.map((part) => failed(`the bridge is not ready: ${strangerText(part)}`, 'look at its log'))
  const { facts } = bridge
  if (facts === undefined) return [ok('a bridge answers')]
  const { pid } = facts.process ?? {}
  const started = `started ${ago(now.getTime() - Date.parse(facts.startedAt))}`
  return [ok(`it answers; ${started}${pid === undefined ? '' : `, process ${pid}`}`)]
}

/** Are the command and the bridge of one version? */
export function checkVersion({ bridge, elsewhere }: Patient): readonly Finding[] {
  if (!bridge.answers) return [notChecked(`no bridge answers; this command is ${version}`)]
  const running = bridge.facts?.version
  if (running === version) return [ok(version)]
  const byUnit = !elsewhere && keeperOf(bridge.facts?.process?.pid) === 'systemd'
  return [
    warning(
      running === undefined
        ? `the bridge does not say its version, or not to this caller: the command is ${version}`
        : `the bridge is ${strangerText(running)}, the command is ${version}`,
      `after an upgrade restart the bridge${byUnit ? ': sudo systemctl restart homeport' : ''}`,
    ),
  ]
}

/** Which Node does the bridge run on, and with ssh2's compiled addon? One that is too old it refuses by itself. */
export function checkNode({ bridge }: Patient): readonly Finding[] {
  const facts = bridge.answers ? bridge.facts : undefined
  if (facts === undefined) return [notChecked(`the bridge does not say; this command runs on Node ${process.version}`)]
  if (facts.compiledAddon) return [ok(`Node ${strangerText(facts.node)}, ssh2 with its compiled addon`)]
  return [
    warning(
      'ssh2 runs without its compiled addon: sessions are two to three times slower',
      'install make and g++, run `npm rebuild ssh2`, and restart the bridge',
    ),
  ]
}
