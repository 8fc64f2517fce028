import { ago } from '../../../fleet/ago.js'
import { homeportCommand } from '../../../lib/shell-word.js'
import { strangerText } from '../../../lib/stranger-text.js'
import type { DeviceView } from '../../../northbound/http/routes/devices/device.js'
import { counted } from '../../../lib/counted.js'
import { approveCommand } from '../../../trust/ssh/approve-command.js'
import { failed, fewOf, type Finding, notChecked, ok, warning } from '../finding.js'
import type { Patient } from '../patient.js'

/** Which devices are refused or wait for a decision, and how many are attached. */
export function checkDevices({ bridge, now, sameBridge }: Patient): readonly Finding[] {
  const devices = bridge.answers ? bridge.devices : undefined
  if (devices === undefined) return [notChecked('no bridge says how they are')]
  const inState = (state: DeviceView['linkState']['state']): readonly DeviceView[] =>
    devices.filter(({ linkState }) => linkState.state === state)
  const [away, never] = [inState('away').length, inState('never').length]
  const besides = [away === 0 ? '' : `, ${away} away`, never === 0 ? '' : `, ${never} never called`].join('')
  return [
    ok(`${inState('attached').length} of ${counted(devices.length, 'device')} attached${besides}`),
    ...fewOf(
      inState('refused').map((device) => refused(device, now)),
      'devices that are refused',
    ),
    ...fewOf(
      inState('pending').map((device) => pending(device, sameBridge)),
      'devices that are pending',
    ),
  ]
}

/** A device whose last call was refused: why, how often, from where, and what to do. */
export function refused({ id, linkState, lastRefusal, refusals }: DeviceView, now: Date): Finding {
  const { reason = 'refused', message = '', source = '', at } = lastRefusal ?? {}
  const when = at === undefined ? '' : ` ${ago(now.getTime() - Date.parse(at))}`
  const count = refusals[reason] ?? 1
  const often = count > 1 ? `, ${count} times since the start` : ''
  const hint = linkState.hint ?? lastRefusal?.hint ?? 'docs/troubleshooting.md says what to do about each reason'
  return failed(
    `${shown(id)} is refused${when}: ${reason} from ${shown(source)}${often}: ${shown(message)}`,
    shown(hint),
  )
}

/** A device that waits for an operator: the line that lets it in, for whoever has compared the fingerprint. */
export function pending({ id, presented, addresses }: DeviceView, sameBridge: string): Finding {
  const [source] = addresses
  const from = source === undefined ? '' : ` from ${shown(source)}`
  const approve =
    presented === null
      ? homeportCommand(`devices show${sameBridge}`, id)
      : `compare the fingerprint with the device, then: ${approveCommand(
          { deviceId: id, fingerprint: presented.fingerprint },
          { options: sameBridge },
        )}`
  return warning(`${shown(id)} is pending${from}`, approve)
}

/** What somebody else chose, on one line. */
function shown(text: string): string {
  return strangerText(text)
}
