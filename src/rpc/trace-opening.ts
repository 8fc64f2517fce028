import type { SessionClient } from '../fleet/session-client.js'
import type { Span } from '../telemetry/traces.js'

/** Traces the opening of a session on a device's link, the wait for it included; what comes of it is left as it is. */
export async function traceOpening<Opening extends { readonly ok: boolean }>(
  parent: Span | undefined,
  { deviceId, client }: { readonly deviceId: string; readonly client: SessionClient },
  {
    open,
    whyNot,
  }: { readonly open: () => Promise<Opening>; readonly whyNot: (opening: Opening) => string | undefined },
): Promise<Opening> {
  const { user, via } = client
  if (parent === undefined) return open()
  const span = parent.child('open session', {
    kind: 'client',
    attributes: { 'homeport.device.id': deviceId, 'homeport.user': user, 'homeport.via': via },
  })
  try {
    const opening = await open()
    const reason = whyNot(opening)
    if (reason !== undefined) span.fail(reason)
    return opening
  } finally {
    span.end()
  }
}
