import { CAPABILITY, hasCapability } from '../netconf/capabilities.js'
import { operation } from '../netconf/rpc.js'
import type { RpcError } from '../netconf/rpc-error.js'
import { parseRpcReplyGently } from '../netconf/rpc-reply.js'
import { NetconfSessionError } from '../netconf/session-error.js'
import type { XmlElement } from '../netconf/xml/xml-tree.js'
import type { DeviceSession } from './device-session.js'
import { whyEnded } from './call-failure.js'

/** Edits that are carried out together or not at all. */
export interface TransactionPlan {
  readonly target: 'candidate' | 'running'
  /** Datastores to lock, in this order. */
  readonly lock: readonly string[]
  /** `<edit-config>`s. */
  readonly edits: readonly XmlElement[]
  readonly validate: boolean
  /** `<commit>`; there is none for `running`. */
  readonly commit?: XmlElement
}

/** What became of one operation. */
export interface TransactionStep {
  readonly operation: XmlElement
  readonly outcome: 'ok' | 'rpc-error' | 'invalid-request' | 'device-timeout' | 'link-lost' | 'bad-reply'
  readonly milliseconds: number
  /** Bytes of the reply. */
  readonly bytes: number
  readonly errors: readonly RpcError[]
  readonly warnings: readonly RpcError[]
}

export interface TransactionEnd {
  readonly steps: readonly TransactionStep[]
  /**
   * The step that failed, and why; undefined where all went well. `client-gone`: nothing failed, but nobody waits any
   * more.
   */
  readonly failed?: { readonly step: TransactionStep; readonly why: string } | 'client-gone'
  /** Whether what was edited was taken back. */
  readonly undone: 'not-needed' | 'yes' | 'no'
}

/** Milliseconds that a device gets for each operation that undoes. */
const UNDO_TIMEOUT = 10_000

/**
 * Locks, edits, validates, commits and unlocks on a session of its own. When a step fails, what was edited in candidate
 * is discarded, and what was locked is unlocked.
 * @param stallTimeout milliseconds that a step may take
 * @param onStep told of each step, as it ends
 */
export async function runTransaction(
  session: DeviceSession,
  plan: TransactionPlan,
  options: {
    readonly stallTimeout: number
    readonly clientGone: AbortSignal
    readonly onStep: (step: TransactionStep) => void
  },
): Promise<TransactionEnd> {
  const steps: TransactionStep[] = []
  const locked: string[] = []
  let edited = false

  const run = async (sent: XmlElement, timeout = options.stallTimeout): Promise<TransactionStep> => {
    const step = await runStep(session, sent, timeout)
    steps.push(step)
    options.onStep(step)
    return step
  }

  const unlockAll = async (): Promise<boolean> => {
    let all = true
    for (const name of locked.splice(0).toReversed())
      all = (await run(operation.unlock(name), UNDO_TIMEOUT)).outcome === 'ok' && all
    return all
  }

  const undo = async (): Promise<TransactionEnd['undone']> => {
    const discarded =
      !edited || (plan.target === 'candidate' && (await run(operation.discardChanges(), UNDO_TIMEOUT)).outcome === 'ok')
    const unlocked = await unlockAll()
    if (!edited && unlocked) return 'not-needed'
    return discarded && unlocked ? 'yes' : 'no'
  }

  for (const next of stepsOf(plan)) {
    if (options.clientGone.aborted) return { steps, failed: 'client-gone', undone: await undo() }
    edited ||= next.kind === 'edit'
    const step = await run(next.operation)
    if (step.outcome !== 'ok') {
      const why = whyFailed(step, session, options.stallTimeout)
      // A session that is gone took its locks along, and what it had not committed; one that hangs would only hang
      // again.
      const alive = step.outcome === 'rpc-error' || step.outcome === 'invalid-request'
      return { steps, failed: { step, why }, undone: alive ? await undo() : 'no' }
    }
    if (next.kind === 'lock') locked.push(next.name)
  }
  await unlockAll()
  return { steps, undone: 'not-needed' }
}

type Planned =
  | { readonly kind: 'lock'; readonly name: string; readonly operation: XmlElement }
  | { readonly kind: 'edit' | 'validate' | 'commit'; readonly operation: XmlElement }

function stepsOf({ target, lock, edits, validate, commit }: TransactionPlan): readonly Planned[] {
  return [
    ...lock.map((name): Planned => ({ kind: 'lock', name, operation: operation.lock(name) })),
    ...edits.map((edit): Planned => ({ kind: 'edit', operation: edit })),
    ...(validate ? [{ kind: 'validate', operation: operation.validate(target) } as const] : []),
    ...(commit === undefined ? [] : [{ kind: 'commit', operation: commit } as const]),
  ]
}

async function runStep(session: DeviceSession, sent: XmlElement, timeout: number): Promise<TransactionStep> {
  const began = performance.now()
  const ended = (outcome: TransactionStep['outcome'], more: Partial<TransactionStep> = {}): TransactionStep => ({
    operation: sent,
    outcome,
    milliseconds: Math.round(performance.now() - began),
    bytes: 0,
    errors: [],
    warnings: [],
    ...more,
  })
  try {
    const { bytes } = await session.request(sent, { timeout })
    const parsed = await parseRpcReplyGently(bytes)
    if (!parsed.ok) return ended('bad-reply', { bytes: bytes.length })
    const { errors, warnings } = parsed.value
    return ended(errors.length === 0 ? 'ok' : 'rpc-error', { bytes: bytes.length, errors, warnings })
  } catch (thrown) {
    const code = thrown instanceof NetconfSessionError ? thrown.code : undefined
    if (code === 'not-sendable') return ended('invalid-request')
    return ended(code === 'reply-timeout' ? 'device-timeout' : 'link-lost')
  }
}

function whyFailed({ outcome }: TransactionStep, session: DeviceSession, stallTimeout: number): string {
  if (outcome === 'device-timeout') return `it was not answered within ${stallTimeout / 1000} s`
  if (outcome === 'link-lost') return whyEnded(new Error('the session ended'), session.linkEnd())
  if (outcome === 'invalid-request') return 'it holds what XML 1.0 cannot hold, and was not sent'
  return outcome === 'bad-reply' ? 'its reply cannot be read' : 'the device answered with an error'
}

/** What the device can do of what a transaction may ask for. */
export function transactionAbilities(capabilities: readonly string[]) {
  const has = (capability: string): boolean => hasCapability(capabilities, capability)
  return {
    candidate: has(CAPABILITY.candidate),
    writableRunning: has(CAPABILITY.writableRunning),
    validate: has(CAPABILITY.validate10) || has(CAPABILITY.validate11),
    rollbackOnError: has(CAPABILITY.rollbackOnError),
  }
}
