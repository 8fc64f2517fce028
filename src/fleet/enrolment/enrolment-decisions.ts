import { homeportCommand } from '../../lib/shell-word.js'
import type { Decision, Enrolment, Pin } from '../../store/enrolment.js'
import { keyFingerprint } from '../../trust/ssh/key-fingerprint.js'
import { type ConfiguredDevice, isProven } from './enrolled-device.js'
import type { AddedDevice, Decider, EnrolmentChange, EnrolmentRefusal, Enrolments } from './enrolment.js'
import type { PresentedKeys } from './presented-keys.js'

/** What decisions are made on, and who is told of them. */
export interface DecisionContext {
  readonly enrolmentOf: (deviceId: string) => Enrolment | undefined
  /** The device's entry in the configuration file. */
  readonly entryOf: (deviceId: string) => ConfiguredDevice | undefined
  readonly presentedKeys: PresentedKeys
  /**
   * Changes an enrolment, and has whoever waits as this device or is attached as it judged again; answers whether it
   * could be written.
   */
  readonly update: (deviceId: string, edit: (current: Enrolment) => Enrolment | undefined) => Promise<boolean>
  readonly answer: (deviceId: string, written: boolean) => Promise<EnrolmentChange>
  readonly told: (deviceId: string, standing: 'approved' | 'rejected' | 'forgotten', by: string) => void
  /** All that is known of the device is about to be forgotten. */
  readonly forgotten: (deviceId: string) => void
  readonly now: () => Date
}

/** What an operator decides on enrolments: whose device id it is, who is turned away, who is added by hand. */
export function createEnrolmentDecisions(
  service: DecisionContext,
): Pick<Enrolments, 'approve' | 'reject' | 'forget' | 'repin' | 'add'> {
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
    if (enrolmentOf(deviceId) === undefined)
      return entryOf(deviceId) !== undefined ? byConfiguration(deviceId) : unknown(deviceId)
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

  return { approve, reject, forget, repin, add }
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

function byConfiguration(deviceId: string): EnrolmentChange {
  return refuseChange(
    'decided-by-configuration',
    `${JSON.stringify(deviceId)} is decided by the configuration file`,
    'change it there, then reload with SIGHUP',
  )
}
