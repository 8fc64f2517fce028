import { networkInterfaces } from 'node:os'
import type { Log } from '../telemetry/log.js'

/**
 * The addresses of this machine's interfaces. A sandbox may forbid to ask: the kernel tells of interfaces over
 * AF_NETLINK. Then none is known, which costs a warning and not the start.
 *
 * @param interfaces asks the system; throws where that is forbidden
 */
export function addressesOfThisMachine(log: Log, interfaces: typeof networkInterfaces = networkInterfaces): string[] {
  try {
    return Object.values(interfaces()).flatMap((each) => (each ?? []).map(({ address }) => address))
  } catch (error) {
    log.warn(
      {
        err: error,
        hint:
          'allow AF_NETLINK (RestrictAddressFamilies= in the systemd unit), ' +
          'or keep the addresses of this machine out of endpoint.ssh.device-addresses',
      },
      'addresses of this machine are not known: a device may be given one of them',
    )
    return []
  }
}
