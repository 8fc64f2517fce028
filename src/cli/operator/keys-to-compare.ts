import { InvalidArgumentError } from 'commander'
import { homeportCommand, shellWord } from '../../lib/shell-word.js'
import { type DeviceView, deviceSchema } from '../../northbound/http/routes/devices/device.js'
import { parseFingerprint } from '../../ssh/public-key.js'
import { deviceListSchema } from '../../northbound/http/routes/devices/list.js'
import { askBridge, devicePath, whyUnaddressable } from './bridge-client.js'
import type { BridgeOptions } from './bridge-command.js'
import type { CommandIo } from '../command-io.js'
import { exitWithFailure } from '../command-failure.js'
import { findBridge } from './find-bridge.js'
import { shortTime } from '../table.js'

/** A fingerprint as `ssh-keygen -lf` prints it. */
export function readFingerprint(text: string): string {
  const fingerprint = parseFingerprint(text)
  if (fingerprint !== undefined) return fingerprint
  throw new InvalidArgumentError('Give SHA256: and 43 characters, as `ssh-keygen -lf` prints it on the device.')
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
  { config }: BridgeOptions,
  { action, id, as }: KeyDecision,
): Promise<void> {
  const unaddressable = id === undefined ? undefined : whyUnaddressable(id)
  if (unaddressable !== undefined) return exitWithFailure(unaddressable, io)
  const found = findBridge(io, config)
  if (!found.ok) return exitWithFailure(found.problem, io)
  const path = id === undefined ? '/api/v1/devices' : devicePath(id)
  const answer = await askBridge(found.location, { method: 'GET', path })
  if (!answer.ok) return exitWithFailure(answer.problem, io)
  const given: unknown = JSON.parse(answer.text)
  const devices = id === undefined ? deviceListSchema.parse(given).devices : [deviceSchema.parse(given)]
  const waiting = devices.filter(
    ({ standing, presented }) => presented !== null && (id !== undefined || standing === 'pending'),
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
    config === undefined ? '' : ` --config ${shellWord(config)}`,
    as === undefined ? '' : ` --as ${shellWord(as)}`,
  ]
  exitWithFailure(
    {
      message:
        'no fingerprint is given: compare it with what the device itself prints (ssh-keygen -lf), then paste the line',
      more: waiting.map((device) => lineFor(device, action, options.join(''))),
      status: 2,
    },
    io,
  )
}

function lineFor(
  { id, presented, lastSeen, addresses }: DeviceView,
  action: 'approve' | 'repin',
  options: string,
): string {
  const { fingerprint = '', type = '' } = presented ?? {}
  const seen = [type, ...addresses.slice(0, 1), ...(lastSeen === null ? [] : [shortTime(lastSeen)])].join(', ')
  return `${homeportCommand(`devices ${action} --fingerprint ${shellWord(fingerprint)}${options}`, id)}    # ${seen}`
}
