import { homeportCommand } from '../../lib/shell-word.js'
import type { Enrolment, Pin } from '../../store/enrolment.js'
import type { DecisionContext } from './decision-context.js'
import type { ImportedDevice, ImportOutcome, ImportResult } from './enrolment.js'
import { changedLabels } from './labels.js'

/**
 * Enrols many devices: all of them, or none where one of them cannot be. What is there as it is wanted stays as it is,
 * so that the same import may be repeated.
 * @param dryRun only says what would become of them
 */
export async function importDevices(
  context: DecisionContext,
  devices: readonly ImportedDevice[],
  dryRun: boolean,
): Promise<ImportResult> {
  const faults = devices.flatMap((device, at) => {
    const message = isRepeated(devices, at) ? 'is there twice' : faultOf(context, device)
    return message === undefined ? [] : [{ at, message: `${JSON.stringify(device.deviceId)} ${message}` }]
  })
  if (faults.length > 0) return { ok: false, faults }
  const outcomes = devices.map((device) => outcomeOf(context.enrolmentOf(device.deviceId), device))
  if (dryRun) return { ok: true, outcomes }
  for (const [at, device] of devices.entries()) {
    const outcome = outcomes[at] ?? 'unchanged'
    if (outcome !== 'unchanged' && !(await bringIn(context, device, outcome)))
      return { ok: false, notWritten: device.deviceId }
  }
  return { ok: true, outcomes }
}

function isRepeated(devices: readonly ImportedDevice[], at: number): boolean {
  return devices.findIndex(({ deviceId }) => deviceId === devices[at]?.deviceId) < at
}

function faultOf(
  { entryOf, enrolmentOf }: DecisionContext,
  { deviceId, hostKeys }: ImportedDevice,
): string | undefined {
  if (entryOf(deviceId) !== undefined) return 'stands in the configuration file, which decides for it'
  const current = enrolmentOf(deviceId)
  if (current?.standing === 'rejected') return `was rejected: ${homeportCommand('devices forget', deviceId)}`
  const bound = current?.pins ?? []
  if (bound.length === 0 || hostKeys.length === 0 || areSame(bound, hostKeys)) return undefined
  return `is bound to another host key: ${homeportCommand('devices forget', deviceId)} to begin anew`
}

function outcomeOf(current: Enrolment | undefined, device: ImportedDevice): ImportOutcome {
  if (current === undefined || current.standing === 'pending') return 'added'
  const { secret = current.secret, vendor = current.vendor, credentials = current.credentials } = device
  const labels = Object.entries(device.labels ?? {})
  const isAsWanted =
    (device.hostKeys.length === 0 || areSame(current.pins, device.hostKeys)) &&
    secret === current.secret &&
    vendor === current.vendor &&
    credentials === current.credentials &&
    labels.every(([name, value]) => Object.hasOwn(current.labels, name) && current.labels[name] === value)
  return isAsWanted ? 'unchanged' : 'changed'
}

function areSame(pins: readonly Pick<Pin, 'blob'>[], keys: readonly Pick<Pin, 'blob'>[]): boolean {
  const has = (those: readonly Pick<Pin, 'blob'>[], { blob }: Pick<Pin, 'blob'>): boolean =>
    those.some((one) => one.blob.equals(blob))
  return pins.every((pin) => has(keys, pin)) && keys.every((key) => has(pins, key))
}

async function bringIn(context: DecisionContext, device: ImportedDevice, outcome: ImportOutcome): Promise<boolean> {
  const { deviceId, hostKeys, by: decider, labels = {}, secret, vendor, credentials } = device
  const { by, ...limit } =
    typeof decider === 'string' ? { by: decider } : { by: decider.name, profiles: decider.profiles }
  const at = context.now()
  // What proves it is judged anew then, its link included.
  const proof = hostKeys.length > 0 || secret !== undefined
  const decided = ({ decision }: Enrolment): Pick<Enrolment, 'decision'> => {
    if (outcome === 'added') return { decision: { by, at, how: 'onboarding', ...limit } }
    if (proof) return { decision: { by, at, how: 'operator', ...limit } }
    return decision === undefined ? {} : { decision }
  }
  const written = await context.update(deviceId, ({ presented, ...enrolment }) => ({
    ...enrolment,
    // A key that it showed and that it is bound to now waits for nobody any more.
    ...(presented === undefined || hostKeys.length > 0 ? {} : { presented }),
    ...(hostKeys.length === 0 ? {} : { pins: hostKeys.map(({ type, blob }) => ({ type, blob, addedAt: at, by })) }),
    ...(secret === undefined ? {} : { secret }),
    ...(vendor === undefined ? {} : { vendor }),
    ...(credentials === undefined ? {} : { credentials }),
    labels: changedLabels(enrolment.labels, new Map(Object.entries(labels))),
    standing: 'approved',
    ...decided(enrolment),
  }))
  if (outcome === 'added') context.told(deviceId, 'approved', by)
  else context.labelled({ deviceId, labels: context.enrolmentOf(deviceId)?.labels ?? {}, by })
  return written
}
