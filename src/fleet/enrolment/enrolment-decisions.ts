import { homeportCommand } from '../../lib/shell-word.js'
import type { Decision, Enrolment, Pin } from '../../store/enrolment.js'
import { goesByItsKey } from '../../trust/ssh/approve-command.js'
import { keyFingerprint } from '../../trust/ssh/key-fingerprint.js'
import type { DecisionContext } from './decision-context.js'
import { isProven, isSighting } from './enrolled-device.js'
import type { AddedDevice, Decider, EnrolmentChange, EnrolmentRefusal, Enrolments } from './enrolment.js'
import { importDevices } from './enrolment-import.js'
import { changedLabels } from './labels.js'
import { nameApprovedKey } from './unnamed-device.js'

/** What an operator decides on enrolments: whose device id it is, who is turned away, who is added by hand. */
export function createEnrolmentDecisions(
  service: DecisionContext,
): Pick<Enrolments, 'approve' | 'reject' | 'forget' | 'repin' | 'add' | 'label' | 'import'> {
  const { enrolmentOf, entryOf, presentedKeys, update, answer, told, now } = service

  /** The key that the operator means, if it is one that the device id has shown. */
  const meant = (deviceId: string, presented: Pin, fingerprint: string): Pin | EnrolmentChange => {
    if (keyFingerprint(presented.blob).fingerprint === fingerprint) return presented
    return presentedKeys.find(deviceId, fingerprint) ?? anotherKey(deviceId, presented, fingerprint)
  }

  const approve: Enrolments['approve'] = async (deviceId, decider, { fingerprint, as = deviceId }) => {
    const { by, ...limit } = decisionOf(decider)
    const current = enrolmentOf(deviceId)
    if (current === undefined && entryOf(deviceId) === undefined) return unknown(deviceId)
    if (current?.standing === 'approved' && as !== deviceId && isUnnamed(current)) return hasNoName(deviceId, as)
    if (current?.presented === undefined || current.standing === 'approved')
      return refuseChange(
        'nothing-presented',
        `${JSON.stringify(deviceId)} has shown no key that waits for approval`,
        'it must call home first; `homeport devices show` tells what is known of it',
      )
    if (as !== deviceId && (entryOf(as)?.pins.length || enrolmentOf(as)?.pins.length))
      return refuseChange(
        'already-known',
        `${JSON.stringify(as)} is already bound to a host key`,
        `if the device was replaced: ${homeportCommand('devices repin', as)}`,
      )
    const key = meant(deviceId, current.presented, fingerprint)
    if ('ok' in key) return key
    const pin = boundBy(key, by, now())
    const seen = {
      firstSeen: current.firstSeen ?? now(),
      lastSeen: current.lastSeen ?? now(),
      addresses: current.addresses,
    }
    if (as !== deviceId) await update(deviceId, () => undefined)
    const written = await update(as, ({ presented: _shown, ...enrolment }) => ({
      ...enrolment,
      ...seen,
      standing: 'approved',
      pins: [pin],
      decision: { by, at: now(), how: 'operator', ...limit },
    }))
    told(as, 'approved', by)
    presentedKeys.forget(deviceId)
    return answer(as, written)
  }

  const reject: Enrolments['reject'] = async (deviceId, by) => {
    if (isProven(entryOf(deviceId))) return byConfiguration(deviceId)
    if (enrolmentOf(deviceId) === undefined && entryOf(deviceId) === undefined) return unknown(deviceId)
    const written = await update(deviceId, (enrolment) => ({
      ...enrolment,
      standing: 'rejected',
      decision: { by, at: now(), how: 'operator' },
    }))
    told(deviceId, 'rejected', by)
    return answer(deviceId, written)
  }

  const forget: Enrolments['forget'] = async (deviceId, by) => {
    const current = enrolmentOf(deviceId)
    if (entryOf(deviceId) !== undefined && (current === undefined || isSighting(current)))
      return byConfiguration(deviceId)
    if (current === undefined) return unknown(deviceId)
    service.forgotten(deviceId)
    const written = await update(deviceId, () => undefined)
    presentedKeys.forget(deviceId)
    told(deviceId, 'forgotten', by)
    return answer(deviceId, written)
  }

  const repin: Enrolments['repin'] = async (deviceId, decider, fingerprint) => {
    const { by, ...limit } = decisionOf(decider)
    const current = enrolmentOf(deviceId)
    if (entryOf(deviceId)?.pins.length) return byConfiguration(deviceId)
    if (current === undefined) return unknown(deviceId)
    if (current.presented === undefined)
      return refuseChange(
        'nothing-presented',
        `${JSON.stringify(deviceId)} has shown no other key than those it is bound to`,
        'it must call home with its new key first',
      )
    const key = meant(deviceId, current.presented, fingerprint)
    if ('ok' in key) return key
    const pin = boundBy(key, by, now())
    const written = await update(deviceId, ({ presented: _shown, ...enrolment }) => ({
      ...enrolment,
      standing: 'approved',
      pins: [pin],
      decision: { by, at: now(), how: 'operator', ...limit },
    }))
    told(deviceId, 'approved', by)
    return answer(deviceId, written)
  }

  const add: Enrolments['add'] = async ({ deviceId, ...device }: AddedDevice, decider) => {
    const { by, ...limit } = decisionOf(decider)
    if (entryOf(deviceId) !== undefined) return byConfiguration(deviceId)
    const current = enrolmentOf(deviceId)
    if (current?.standing === 'rejected') return wasRejected(current)
    if (current !== undefined && current.standing !== 'pending')
      return refuseChange(
        'already-known',
        `${JSON.stringify(deviceId)} is enrolled already`,
        `to begin anew: ${homeportCommand('devices forget', deviceId)}`,
      )
    const written = await update(deviceId, (enrolment) => ({
      ...enrolment,
      ...device,
      labels: device.labels ?? {},
      standing: 'approved',
      decision: { by, at: now(), how: 'onboarding', ...limit },
    }))
    told(deviceId, 'approved', by)
    return answer(deviceId, written)
  }

  const label: Enrolments['label'] = async (deviceId, by, changes) => {
    // Two places that say what labels a device has would sooner or later differ, and rights go by them.
    if (entryOf(deviceId) !== undefined) return labelledByFile(deviceId)
    if (enrolmentOf(deviceId) === undefined) return unknown(deviceId)
    const written = await update(deviceId, (enrolment) => ({
      ...enrolment,
      labels: changedLabels(enrolment.labels, changes),
    }))
    service.labelled({ deviceId, labels: enrolmentOf(deviceId)?.labels ?? {}, by })
    return answer(deviceId, written)
  }

  const bring: Enrolments['import'] = (devices, dryRun) => importDevices(service, devices, dryRun)

  return { approve, reject, forget, repin, add, label, import: bring }
}

/** Who decided, and where that limits it the credentials profiles whose passwords the device may be sent. */
function decisionOf(decider: Decider): Pick<Decision, 'by' | 'profiles'> {
  return typeof decider === 'string' ? { by: decider } : { by: decider.name, profiles: decider.profiles }
}

function boundBy({ type, blob }: Pick<Pin, 'type' | 'blob'>, by: string, addedAt: Date): Pin {
  return { type, blob, addedAt, by }
}

export function refuseChange(cause: EnrolmentRefusal['reason'], message: string, hint: string): EnrolmentChange {
  return { ok: false, refusal: { reason: cause, message, hint } }
}

function anotherKey(deviceId: string, presented: Pin, fingerprint: string): EnrolmentChange {
  return refuseChange(
    'fingerprint-mismatch',
    `${JSON.stringify(deviceId)} shows ${keyFingerprint(presented.blob).fingerprint}, and not ${fingerprint}`,
    'look at the host key on the device itself (ssh-keygen -lf): ' +
      'where it has the second one, somebody else claims its device id, and it must call again; ' +
      'where it has the first one, give that',
  )
}

function unknown(deviceId: string): EnrolmentChange {
  return refuseChange(
    'unknown-device',
    `no device ${JSON.stringify(deviceId)} is known here`,
    '`homeport devices list` shows those that are',
  )
}

/** Whether it was approved under the fingerprint of its key, without a name. */
function isUnnamed({ deviceId, pins }: Enrolment): boolean {
  return pins.some(({ blob }) => goesByItsKey({ deviceId, fingerprint: keyFingerprint(blob).fingerprint }))
}

function hasNoName(deviceId: string, as: string): EnrolmentChange {
  return refuseChange(
    'already-known',
    `${JSON.stringify(deviceId)} is approved already, under the fingerprint of its key`,
    nameApprovedKey(deviceId, as),
  )
}

function wasRejected({ deviceId, decision }: Enrolment): EnrolmentChange {
  const by = decision === undefined ? '' : `by ${decision.by} on ${decision.at.toISOString().slice(0, 10)}`
  return refuseChange(
    'already-known',
    `${JSON.stringify(deviceId)} was rejected ${by}`.trimEnd(),
    `if that was a mistake: ${homeportCommand('devices forget', deviceId)}, then do this again`,
  )
}

function labelledByFile(deviceId: string): EnrolmentChange {
  return refuseChange(
    'decided-by-configuration',
    `the labels of ${JSON.stringify(deviceId)} stand in its entry in the configuration file`,
    'change `labels` of its entry under `devices` there, then reload with SIGHUP',
  )
}

function byConfiguration(deviceId: string): EnrolmentChange {
  return refuseChange(
    'decided-by-configuration',
    `${JSON.stringify(deviceId)} is decided by the configuration file`,
    'change it there, then reload with SIGHUP',
  )
}
