import { isIP } from 'node:net'
import { isProxyHeader, MAX_V2_LENGTH, readProxyHeader } from '../../../src/net/proxy-protocol/header.js'
import { randomFor } from '../random.js'
import { holds, same, type Target } from '../target.js'

/** What a load balancer sends before its client's bytes. */
export const proxyHeader: Target = {
  name: 'proxy-header',
  about: 'what a load balancer sends first: the PROXY protocol, versions 1 and 2',
  maxSize: 5 * 1024,
  words: [
    'PROXY TCP4 192.0.2.7 198.51.100.1 56324 830\r\n',
    'PROXY TCP6 2001:db8::7 ::ffff:192.0.2.1 56324 830\r\n',
    'PROXY UNKNOWN',
    'PROXY ',
    '\r\n',
    ' ',
    '%eth0',
    Buffer.from('\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\xdc\x04\x03\x3e', 'latin1'),
    Buffer.from('\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24', 'latin1'),
    Buffer.from('\r\n\r\n\0\r\nQUIT\n\x20\0\0\0', 'latin1'),
    '\x03\0\x04',
    '\x04\0\x10',
    'SSH-2.0-x\r\n',
  ],
  start: () => ({
    take: (input) => {
      const whole = readProxyHeader(input)
      if (whole.state === 'complete') {
        const { length, told } = whole.header
        holds(length <= input.length && length <= MAX_V2_LENGTH, `a header of ${length} bytes`)
        for (const end of told === undefined ? [] : [told.source, told.destination]) {
          holds(isIP(end.address) !== 0 && !end.address.includes('%'), `no address: ${end.address}`)
          holds(Number.isInteger(end.port) && end.port >= 0 && end.port < 65_536, `no port: ${end.port}`)
        }
        holds(isProxyHeader(input), 'nobody would say that it is a header where none is asked for')
      }
      if (whole.state === 'incomplete') holds(input.length < MAX_V2_LENGTH, 'it waits for ever')
      // However the bytes were split, the first answer that is one is the answer, but for what else it may be.
      const random = randomFor(input)
      for (let end = 0; end < input.length; end += 1 + random.below(50)) {
        const part = readProxyHeader(input.subarray(0, end))
        if (part.state === 'incomplete') continue
        same(gist(part), gist(whole), `${end} bytes of ${input.length} say something else than all`)
        return
      }
    },
  }),
}

function gist(reading: ReturnType<typeof readProxyHeader>): unknown {
  return reading.state === 'refused' ? reading.fault.reason : reading
}
