import type { Failed } from './call-failure.js'
import type { RpcParts } from './rpc-parts.js'
import type { RpcCaller, RpcRequest } from './rpc-request.js'

/**
 * Whether a request may be carried out, asked before the wait for its device and, where it waits, once more behind it:
 * the wait may take minutes, and the caller may have lost the right meanwhile.
 *
 * @param judge asks rights and rules as they are now
 */
export async function judgeWhenAttached<Judged extends { readonly ok: true }>(
  { fleet, caller }: Pick<RpcParts, 'fleet'> & { readonly caller: Pick<RpcCaller, 'signal'> },
  { deviceId, wait }: Pick<RpcRequest, 'deviceId' | 'wait'>,
  judge: () => Promise<Judged | Failed>,
): Promise<Judged | Failed> {
  const judged = await judge()
  if (!judged.ok || wait <= 0) return judged
  await fleet.whenAttached(deviceId, wait, caller.signal)
  return judge()
}
