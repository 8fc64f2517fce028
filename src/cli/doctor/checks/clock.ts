import { existsSync } from 'node:fs'
import { failed, type Finding, notChecked, ok, warning } from '../finding.js'
import type { Patient } from '../patient.js'
import { wordsOf } from '../run-program.js'

/** Milliseconds between two clocks that are no matter, and from which certificates and tokens begin to fail. */
const [NO_MATTER, TOO_MUCH] = [2_000, 30_000]

/** What systemd-timesyncd leaves once it has the time. */
const TIMESYNC_MARK = '/run/systemd/timesync/synchronized'

/** Is the time of this machine kept by somebody, and is that of the bridge the same? */
export async function checkClock({ bridge, elsewhere }: Patient, signal: AbortSignal): Promise<readonly Finding[]> {
  const ahead = bridge.answers ? bridge.clockAhead : undefined
  return [await synchronised(elsewhere, signal), ...(ahead === undefined || !elsewhere ? [] : [compared(ahead)])]
}

async function synchronised(elsewhere: boolean, signal: AbortSignal): Promise<Finding> {
  const said = await wordsOf('timedatectl', ['show', '--property=NTPSynchronized', '--value'], signal)
  const where = elsewhere ? 'the clock of this machine, where the bridge does not run,' : 'the clock'
  if (said?.trim() === 'yes' || existsSync(TIMESYNC_MARK)) return ok(`${where} is kept by a time service`)
  if (said?.trim() === 'no')
    return warning(
      `${where} is not synchronised: ${new Date().toISOString()}`,
      'certificates and tokens fail by a wrong clock: sudo timedatectl set-ntp true, or install chrony',
    )
  return notChecked(`no time service tells whether ${where} is right: ${new Date().toISOString()}`)
}

function compared(ahead: number): Finding {
  const seconds = Math.round(Math.abs(ahead) / 1000)
  if (Math.abs(ahead) < NO_MATTER) return ok('the clock of the bridge is the same as here')
  const message = `the clock of the bridge is ${seconds} s ${ahead > 0 ? 'ahead of' : 'behind'} the one here`
  const hint = 'have both synchronised: timedatectl'
  return Math.abs(ahead) < TOO_MUCH ? warning(message, hint) : failed(message, hint)
}
