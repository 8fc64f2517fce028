import { MANY } from './bounds.js'
import { duration, integer, network } from './scalars.js'
import { list, section } from './section.js'

/** Load balancers before a listener, which say by the PROXY protocol who dialled; the same on each listener. */
export function proxyProtocolSection() {
  return section({
    from: list(network()),
    timeout: duration('100ms', '1m').default(10_000),
    'max-waiting': integer(1, MANY).default(4096),
  })
}
