import { InvalidArgumentError } from 'commander'
import { nameApprovedKey } from '../../fleet/enrolment/unnamed-device.js'
import { homeportCommand, shellWord } from '../../lib/shell-word.js'
import { parseFingerprint } from '../../ssh/public-key.js'
import { askBridge, devicePath, whyUnaddressable } from './bridge-client.js'
import type { BridgeOptions } from './bridge-command.js'
import type { CommandIo } from '../command-io.js'
import { exitWithFailure } from '../command-failure.js'
import { findBridge } from './find-bridge.js'
import { readDevice, readDevices, type ShownDevice } from './read-devices.js'
import { shortTime } from '../table.js'
import { approveCommand, goesByItsKey, NAME_TO_CHOOSE } from '../../trust/ssh/approve-command.js'

/** A fingerprint as `ssh-keygen -lf` prints it. */
export function readFingerprint(text: string): string {
  const fingerprint = parseFingerprint(text)
  if (fingerprint !== undefined) return fingerprint
  throw new InvalidArgumentError('Give SHA256: and 43 characters, as `ssh-keygen -lf` prints it on the device.')
}

/** A device id to give to a device. */
export function readNewName(text: string): string {
  if (text !== NAME_TO_CHOOSE) return text
  throw new InvalidArgumentError(`Write the device id that you choose in the place of ${NAME_TO_CHOOSE}.`)
}

/** A decision on a key that nobody has compared yet. */
interface KeyDecision {
  readonly action: 'approve' | 'repin'
  /** Undefined for all devices that are pending. */
  readonly id: string | undefined
  /** The device id that it is to get instead. */
  readonly as?: string
}

/**
 * Ends a command that lacks the fingerprint: shows which keys wait for the decision, each with the command that
 * decides it, so that an operator compares them with the devices.
 */
export async function tellWhatToCompare(
  io: CommandIo,
  choice: BridgeOptions,
  { action, id, as }: KeyDecision,
): Promise<void> {
  const unaddressable = id === undefined ? undefined : whyUnaddressable(id)
  if (unaddressable !== undefined) return exitWithFailure(unaddressable, io)
  const found = findBridge(io, choice)
  if (!found.ok) return exitWithFailure(found.problem, io)
  const path = id === undefined ? '/api/v1/devices' : devicePath(id)
  const answer = await askBridge(found.location, { method: 'GET', path })
  if (!answer.ok) return exitWithFailure(answer.problem, io)
  const given: unknown = JSON.parse(answer.text)
  const devices = id === undefined ? readDevices(given) : [readDevice(given)]
  const waiting = devices.filter(
    ({ standing, presented }) => presented !== null && (id !== undefined || standing === 'pending'),
  )
  const [device] = devices
  if (id !== undefined && as !== undefined && device?.standing === 'approved' && isUnnamed(device))
    return exitWithFailure(
      {
        message: `${JSON.stringify(id)} is approved already, under the fingerprint of its key`,
        hint: nameApprovedKey(id, as),
        status: 1,
      },
      io,
    )
  if (waiting.length === 0)
    return exitWithFailure(
      {
        message:
          id === undefined
            ? 'no device has shown a key that waits for a decision'
            : `${JSON.stringify(id)} has shown no key that waits for a decision`,
        hint: 'it must call home first; `homeport devices list` tells what is known of each',
        status: 1,
      },
      io,
    )
  const options = [
    choice.config === undefined ? '' : ` --config ${shellWord(choice.config)}`,
    choice.socket === undefined ? '' : ` --socket ${shellWord(choice.socket)}`,
  ].join('')
  exitWithFailure(
    {
      message:
        'no fingerprint is given: compare it with what the device itself prints (ssh-keygen -lf), then paste the line',
      more: waiting.map((device) => lineFor(device, { action, as, options })),
      status: 2,
    },
    io,
  )
}

/** Whether a device that sent no id was approved without a name. */
function isUnnamed({ id, pins }: ShownDevice): boolean {
  return pins.some(({ fingerprint }) => goesByItsKey({ deviceId: id, fingerprint }))
}

function lineFor(
  { id, presented, lastSeen, addresses }: ShownDevice,
  { action, as, options }: Pick<KeyDecision, 'action'> & { readonly as: string | undefined; readonly options: string },
): string {
  const { fingerprint = '', type = '' } = presented ?? {}
  const seen = [type, ...addresses.slice(0, 1), ...(lastSeen === null ? [] : [shortTime(lastSeen)])].join(', ')
  const command =
    action === 'approve'
      ? approveCommand({ deviceId: id, fingerprint }, { options, ...(as === undefined ? {} : { as }) })
      : homeportCommand(`devices repin --fingerprint ${shellWord(fingerprint)}${options}`, id)
  return `${command}    # ${seen}`
}
