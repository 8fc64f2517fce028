import { NETCONF_NS } from '../../../src/netconf/xml/namespaces.js'
import { element } from '../../../src/netconf/xml/xml-tree.js'
import type { DeviceReply } from '../../../src/rpc/device-reply.js'
import type { RpcJob } from '../../../src/rpc/jobs/job-request.js'
import { prepareOperation } from '../../../src/rpc/prepared-operation.js'

/** What a job holds that asks a device for its state. */
export function getOn(deviceId: string): RpcJob {
  const operation = prepareOperation(element(NETCONF_NS, 'get'))
  if (!operation.ok) throw new Error(operation.error)
  const request = { deviceId, operation: operation.value, attributes: [], size: 6, timeout: 60_000, wait: 0 }
  return { kind: 'rpc', name: 'get', request, format: 'xml' }
}

/** A reply of a device that is there whole. */
export function replyOf(body: string, ended: (outcome: string) => void = () => undefined): DeviceReply {
  const root = element(NETCONF_NS, 'rpc-reply')
  return {
    root,
    startTag: Buffer.from(`<rpc-reply xmlns="${NETCONF_NS}">`),
    selfClosing: false,
    parts: [Buffer.from(`${body}</rpc-reply>`)],
    complete: true,
    next: async () => undefined,
    stallTimeout: 60_000,
    end: ended,
  }
}
