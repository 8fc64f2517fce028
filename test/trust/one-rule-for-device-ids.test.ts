import { describe, expect, it } from 'vitest'
import { simulateCommand } from '../../src/cli/lab/simulate.js'
import { deviceId as configuredId } from '../../src/config/scalars.js'
import { newDeviceIdSchema } from '../../src/northbound/http/routes/devices/device-id.js'
import { readInitiation } from '../../src/southbound/ssh/initiation-sequence.js'
import { fingerprintOf } from '../../src/ssh/public-key.js'
import { faultOfDeviceId } from '../../src/trust/device-id.js'

const good: readonly string[] = [
  'router1',
  'r1.lab.example',
  '0a1b2c3d.00:11:22:33:44:55',
  'rack 7 slot 3 (spare)',
  'a/b',
  'ルーター1',
  'x; touch /tmp/owned',
  '-rf',
  '$(id)',
  "it's",
  '...',
  'r'.repeat(255),
  'é'.repeat(127),
  fingerprintOf(Buffer.from('a host key')),
]

const bad: readonly (readonly [string, string])[] = [
  ['an @', 'r1@site'],
  ['one byte too many', 'r'.repeat(256)],
  ['one byte too many in fewer characters', 'é'.repeat(128)],
  ['a dot alone', '.'],
  ['two dots alone', '..'],
  ['an escape sequence', 'r\u001b[2J1'],
  ['a tab', 'r\t1'],
  ['DEL', 'r\u007f1'],
  ['NEL', 'r\u00851'],
  ['an override of direction', 'r\u202e1'],
  ['an isolate of direction', 'r\u20661'],
  ['a mark of direction', 'r\u200f1'],
  ['a zero-width space', 'r\u200b1'],
  ['a zero-width joiner', 'r\u200d1'],
  ['a byte order mark inside', 'r\ufeff1'],
  ['a soft hyphen', 'r\u00ad1'],
  ['a combining grapheme joiner', 'r\u034f1'],
  ['a Hangul filler', 'r\u31641'],
  ['a variation selector', 'r1\ufe0f'],
  ['a tag character', 'r1\u{e0041}'],
  ['a line separator', 'r\u20281'],
  ['a paragraph separator', 'r\u20291'],
  ['a private character', 'r\ue0001'],
]

/** Half a surrogate pair cannot be sent as UTF-8, and the ends of a line do not count in an initiation sequence. */
const badAsWritten: readonly (readonly [string, string])[] = [
  ...bad,
  ['nothing', ''],
  ['half a surrogate pair', 'r\ud8001'],
  ['a space at its start', ' r1'],
  ['a space at its end', 'r1 '],
  ['a no-break space at its end', 'r1\u00a0'],
]

const junos = (id: string): string => `MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\nDEVICE-ID: ${id}\r\nSSH-2.0-x\r\n`
const calix = (id: string): string => `<identity><serial-number>${id}</serial-number></identity>`

function claimed(sent: string): readonly string[] | string {
  const initiation = readInitiation(Buffer.from(sent))
  if (initiation.state === 'refused') return initiation.refusal.reason
  return initiation.state === 'incomplete' ? 'incomplete' : initiation.claim.deviceIds
}

describe('one rule says what a device id is', () => {
  it.each(good)('%j is one in each place', (id) => {
    expect(faultOfDeviceId(id)).toBeUndefined()
    expect(configuredId().safeParse(id)).toMatchObject({ success: true, data: id })
    expect(newDeviceIdSchema.safeParse(id)).toMatchObject({ success: true, data: id })
    expect(claimed(junos(id))).toEqual([id])
    expect(claimed(calix(id))).toEqual([id])
  })

  it.each(badAsWritten)(
    'an id with %s is none: in the configuration, over HTTP and on the command line',
    (_name, id) => {
      const fault = faultOfDeviceId(id)
      expect(fault).toBeDefined()
      const configured = configuredId().safeParse(id)
      expect(configured.error?.issues.map(({ message }) => message)).toEqual([
        id === '' ? 'is empty' : `a device id ${fault?.rule}`,
      ])
      const posted = newDeviceIdSchema.safeParse(id)
      expect(posted.error?.issues).toHaveLength(1)
      expect(posted.error?.issues[0]?.message).toContain(`a device id ${fault?.rule}`)
    },
  )

  it.each(bad)('a device that sends an id with %s is refused, and told why', (_name, id) => {
    for (const sent of [junos(id), calix(id)]) {
      expect(claimed(sent)).toBe('initiation-malformed')
      expect(readInitiation(Buffer.from(sent))).toMatchObject({
        refusal: { message: `its device id ${faultOfDeviceId(id)?.fault}` },
      })
    }
  })

  it('a simulated device has no other', () => {
    const command = simulateCommand()
      .exitOverride()
      .configureOutput({ writeErr: () => undefined })
    const words = ['--count', '1', '--to', '127.0.0.1:4334', '--id-prefix', 'r@']
    expect(() => command.parse(words, { from: 'user' })).toThrow('A device id has no `@`.')
  })
})
