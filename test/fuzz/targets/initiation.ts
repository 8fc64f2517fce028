import { MAX_INITIATION_LENGTH, readInitiation } from '../../../src/southbound/ssh/initiation-sequence.js'
import { faultOfDeviceId } from '../../../src/trust/device-id.js'
import { randomFor } from '../random.js'
import { holds, same, type Target } from '../target.js'

/** What a device sends before its SSH identification. */
export const initiation: Target = {
  name: 'initiation',
  about: 'what a device sends before SSH: Junos, Calix, or lines of its own',
  maxSize: 12 * 1024,
  words: [
    'MSG-ID: DEVICE-CONN-INFO\r\n',
    'MSG-VER: V1\r\n',
    'DEVICE-ID: ',
    'DEVICE-ID: : ',
    'HOST-KEY: ssh-ed25519 ',
    'HMAC: ',
    '\r\n',
    '\n',
    '\0',
    'SSH-2.0-x\r\n',
    '<version>1</version>',
    '<identity>',
    '</identity>',
    '<mac>00:11:22:33:44:55</mac>',
    '<serial-number>',
    '</serial-number>',
    ' ',
    'GET / HTTP/1.1\r\n',
    '\x16\x03\x01',
  ],
  start: () => ({
    take: (input) => {
      const whole = readInitiation(input)
      if (whole.state === 'complete' || whole.state === 'awaits-ack') {
        holds(whole.length <= MAX_INITIATION_LENGTH, `it says that SSH starts after ${whole.length} octets`)
        holds(whole.length <= input.length, 'SSH starts after what was sent')
        for (const id of whole.claim.deviceIds) same(faultOfDeviceId(id), undefined, `device id ${JSON.stringify(id)}`)
      }
      if (whole.state === 'incomplete') holds(input.length < MAX_INITIATION_LENGTH + 8, 'it waits for ever')
      // However the bytes were split, the first answer that is one is the answer.
      const random = randomFor(input)
      for (let end = 0; end < input.length; end += 1 + random.below(200)) {
        const part = readInitiation(input.subarray(0, end))
        if (part.state === 'incomplete') continue
        same(part, whole, `${end} octets of ${input.length} say something else than all`)
        return
      }
    },
  }),
}
