import type { PendingOutcome } from '../../fleet/enrolment/pending-connections.js'
import type { CallHomeRefusal } from '../../fleet/refusals/call-home.js'
import { packBytes } from '../../lib/packed-buffer.js'
import type { Verdict } from '../../trust/ssh/judge-host-key.js'
import { type Judged, noLongerProven, pendingStill, type Trusted } from './handshake-refusal.js'

export interface HostKeyJudgementOptions {
  /**
   * Does the slow part of judging a key beforehand, in several turns of the event loop; undefined where there is none.
   */
  readonly beforeJudging?: (key: Buffer) => Promise<void> | undefined
  /**
   * Judges a host key that key exchange has proven: its signature held. Asked again when the configuration changes, so
   * the link keeps it.
   */
  readonly judge: (key: Buffer) => Verdict
  /**
   * Waits for an operator to decide on a pending device, up to a limit; the key is judged again afterwards. Meanwhile
   * the bridge sends nothing from which a stranger could learn anything.
   */
  readonly decision: (pending: CallHomeRefusal, key: Buffer, connectionGone: AbortSignal) => Promise<PendingOutcome>
}

/** The judgement of one connection's host key, from key exchange to the end of the login. */
export interface HostKeyJudgement {
  /** The key that key exchange has proven. */
  readonly presented: () => Buffer | undefined
  /** The last verdict; undefined before the first one. */
  readonly last: () => Judged | undefined
  /**
   * Judges the key for the first time, after a decision where one is needed.
   * @param paused does what does not count as time of the handshake
   * @returns undefined where the connection is gone meanwhile
   */
  readonly judge: (
    key: Buffer,
    gone: AbortSignal,
    paused: <T>(work: () => Promise<T>) => Promise<T>,
  ) => Promise<Judged | undefined>
  /**
   * The verdict, where what proved the device still does: a login takes as long as the device likes, and meanwhile its
   * key may be revoked, unpinned or bound to another device.
   */
  readonly stillProven: () => Trusted | undefined
}

export function createHostKeyJudgement({ beforeJudging, judge, decision }: HostKeyJudgementOptions): HostKeyJudgement {
  let presented: Buffer | undefined
  let last: Judged | undefined

  const judgeFirst: HostKeyJudgement['judge'] = async (key, gone, paused) => {
    const proven = packBytes(key)
    presented = proven
    const ready = beforeJudging?.(proven)
    if (ready !== undefined) await ready
    if (gone.aborted) return undefined
    const first = judge(proven)
    last = first
    if (first.trusted || first.reason !== 'pending') return first
    const outcome = await paused(() => decision(first, proven, gone))
    if (gone.aborted) return undefined
    const again = judge(proven)
    last = again.trusted ? again : pendingStill(again, outcome)
    return last
  }

  return {
    presented: () => presented,
    last: () => last,
    judge: judgeFirst,
    stillProven: () => {
      if (last?.trusted !== true || presented === undefined) return undefined
      const now = judge(presented)
      last =
        now.trusted && now.deviceId === last.deviceId ? now : { trusted: false, ...noLongerProven(last.deviceId, now) }
      return last.trusted ? last : undefined
    },
  }
}
