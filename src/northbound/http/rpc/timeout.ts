import type { Context } from 'hono'
import { answerProblem } from '../problem.js'
import type { CallLimits } from '../../../rpc/call-limits.js'

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** A duration as it is written in a query, `30s`, in milliseconds; undefined for what is none. */
export function durationOf(written: string): number | undefined {
  const [, digits, unit = ''] = /^(\d+)(ms|s|m|h)$/.exec(written) ?? []
  const factor = MILLISECONDS[unit]
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor
}

/** How long a call may take, in milliseconds: `?timeout=30s`, or what is configured. */
export function timeoutOf(
  c: Context,
  { rpcTimeout, maxRpcTimeout }: Pick<CallLimits, 'rpcTimeout' | 'maxRpcTimeout'>,
): { readonly ok: true; readonly milliseconds: number } | { readonly ok: false; readonly response: Response } {
  const written = c.req.query('timeout')
  if (written === undefined) return { ok: true, milliseconds: rpcTimeout }
  const milliseconds = durationOf(written) ?? Number.NaN
  if (milliseconds >= 1 && milliseconds <= maxRpcTimeout) return { ok: true, milliseconds }
  return {
    ok: false,
    response: answerProblem(c, 'invalid-request', {
      message: `the timeout is no duration up to ${maxRpcTimeout / 1000} s`,
      hint: 'write a whole number and a unit, as in ?timeout=30s, 500ms or 5m; endpoint.http.max-rpc-timeout bounds it',
    }),
  }
}

/** How long a call waits for its device to call home, in milliseconds: `?wait=30s`, or not at all. */
export function waitOf(
  c: Context,
  { maxWait }: Pick<CallLimits, 'maxWait'>,
): { readonly ok: true; readonly milliseconds: number } | { readonly ok: false; readonly response: Response } {
  const written = c.req.query('wait')
  const milliseconds = written === undefined ? 0 : durationOf(written)
  if (milliseconds !== undefined && milliseconds <= maxWait) return { ok: true, milliseconds }
  return {
    ok: false,
    response: answerProblem(c, 'invalid-request', {
      message: `the wait is no duration up to ${maxWait / 1000} s`,
      hint: 'write a whole number and a unit, as in ?wait=30s; `Prefer: respond-async` waits longer, as a job',
    }),
  }
}
