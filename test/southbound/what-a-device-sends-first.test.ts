import { describe, expect, it } from 'vitest'
import { MAX_INITIATION_LENGTH, readInitiation } from '../../src/southbound/ssh/initiation-sequence.js'
import { growthOf, IN_PROPORTION } from '../support/growth.js'

const key = `ssh-ed25519 ${Buffer.concat([Buffer.from('0000000b', 'hex'), Buffer.from('ssh-ed25519'), Buffer.alloc(36, 7)]).toString('base64')}`
const start = 'MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\n'
const identification = 'SSH-2.0-OpenSSH_7.5\r\n'

/** What is read from bytes that came as one. */
const read = (text: string | Buffer) => readInitiation(Buffer.from(text))

/**
 * What is read from bytes that came one at a time: the first answer that is not `incomplete`, and the bytes that it
 * took.
 */
function readOneByOne(bytes: Buffer) {
  for (let length = 0; length <= bytes.length; length += 1) {
    const initiation = readInitiation(bytes.subarray(0, length))
    if (initiation.state !== 'incomplete') return { initiation, length }
  }
  return undefined
}

const deviceIdOf = (text: string | Buffer): string | undefined => {
  const initiation = read(text)
  return initiation.state === 'complete' || initiation.state === 'awaits-ack'
    ? initiation.claim.deviceIds[0]
    : undefined
}

const reasonOf = (text: string | Buffer): string | undefined => {
  const initiation = read(text)
  return initiation.state === 'refused' ? initiation.refusal.reason : undefined
}

describe('a Junos initiation sequence', () => {
  it.each([
    ['as documented', `${start}DEVICE-ID: router1\r\n`],
    ['with two colons', `${start}DEVICE-ID: : router1\r\n`],
    ['with two colons and no space', `${start}DEVICE-ID::router1\r\n`],
    ['without spaces', 'MSG-ID:DEVICE-CONN-INFO\r\nMSG-VER:V1\r\nDEVICE-ID:router1\r\n'],
    ['with spaces before the colon', `${start}DEVICE-ID : router1\r\n`],
    ['with spaces and tabs around', `${start}  DEVICE-ID:\t router1 \t\r\n`],
    ['with blank lines', `\r\n${start}\r\n\r\nDEVICE-ID: router1\r\n\r\n\r\n`],
    ['with unknown keys', `${start}X-NEW: 1\r\nDEVICE-ID: router1\r\nDEVICE-ID2: other\r\nMY-DEVICE-ID: other\r\n`],
    ['with lower-case keys', 'msg-id: DEVICE-CONN-INFO\r\nmsg-ver: V1\r\ndevice-id: router1\r\n'],
    ['with LF only', `${start}DEVICE-ID: router1\r\n`.replaceAll('\r', '')],
    ['with NUL before the line end', `${start}DEVICE-ID: router1\0\r\n`],
    ['with its lines in another order', 'DEVICE-ID: router1\r\nMSG-VER: V1\r\nMSG-ID: DEVICE-CONN-INFO\r\n'],
    ['with the same id twice', `${start}DEVICE-ID: router1\r\nDEVICE-ID: router1\r\n`],
    ['with an empty id beside it', `${start}DEVICE-ID: \r\nDEVICE-ID: router1\r\n`],
    ['with SSH- inside a line', `${start}NOTE: SSH-2.0-x\r\nDEVICE-ID: router1\r\n SSH-2.0-y\r\n`],
    ['with lines that are no pairs', `hello\r\n: nothing\r\n${start}DEVICE-ID: router1\r\n`],
  ])('%s is read alike, however its octets are split', (_name, preamble) => {
    const bytes = Buffer.from(preamble + identification)
    const whole = readInitiation(bytes)
    expect(whole).toEqual({
      state: 'complete',
      claim: { form: 'junos', deviceIds: ['router1'] },
      length: Buffer.byteLength(preamble),
    })
    // It is complete with the four bytes that start the identification, and not one earlier.
    expect(readOneByOne(bytes)).toEqual({ initiation: whole, length: Buffer.byteLength(preamble) + 4 })
  })

  it.each([
    ['as documented', `HOST-KEY: ${key}\r\nHMAC: ${'0a'.repeat(20)}\r\n`],
    ['with NUL after the key', `HOST-KEY: ${key}\0\r\nHMAC: ${'0a'.repeat(20)}\r\n`],
    ['without a space', `HOST-KEY:${key}\r\nHMAC:${'0a'.repeat(20)}\r\n`],
    ['with two blank lines at its end', `HOST-KEY: ${key}\r\nHMAC: ${'0a'.repeat(20)}\r\n\r\n\r\n`],
  ])('with a host key and its HMAC, %s, is read alike, however its octets are split', (_name, proof) => {
    const preamble = `${start}DEVICE-ID: router1\r\n${proof}`
    const bytes = Buffer.from(preamble + identification)
    const whole = readInitiation(bytes)
    expect(whole).toMatchObject({
      state: 'complete',
      claim: { form: 'junos', deviceIds: ['router1'], hostKey: { type: 'ssh-ed25519' }, hmac: '0a'.repeat(20) },
      length: preamble.length,
    })
    expect(readOneByOne(bytes)).toEqual({ initiation: whole, length: preamble.length + 4 })
  })

  it.each([
    ['a host name', 'r1.lab.example'],
    ['an organisation and a MAC', '0a1b2c3d.00:11:22:33:44:55'],
    ['spaces inside', 'rack 7 slot 3'],
    ['letters beyond ASCII', 'ルーター1'],
    ['255 octets', 'r'.repeat(255)],
    ['255 octets in fewer characters', 'é'.repeat(127) + 'r'],
  ])('may name a device id with %s', (_name, id) => {
    expect(deviceIdOf(`${start}DEVICE-ID: ${id}\r\n${identification}`)).toBe(id)
  })

  it.each([
    ['two device ids', 'DEVICE-ID: a\r\nDEVICE-ID: b\r\n'],
    ['two device ids that differ by case', 'DEVICE-ID: a\r\nDEVICE-ID: A\r\n'],
    ['a device id of 256 octets', `DEVICE-ID: ${'r'.repeat(256)}\r\n`],
    ['a device id of 256 octets in 128 characters', `DEVICE-ID: ${'é'.repeat(128)}\r\n`],
    ['an escape sequence in the device id', 'DEVICE-ID: a\u001b[2Jb\r\n'],
    ['a tab in the device id', 'DEVICE-ID: a\tb\r\n'],
    ['DEL in the device id', 'DEVICE-ID: a\u007fb\r\n'],
    ['NEL in the device id', 'DEVICE-ID: a\u0085b\r\n'],
    ['an @ in the device id', 'DEVICE-ID: r1@site\r\n'],
    ['a line separator in the device id', 'DEVICE-ID: r\u20281\r\n'],
    ['octets that are not UTF-8', Buffer.from('DEVICE-ID: \xff\xfe\r\n', 'latin1')],
    ['octets that are not UTF-8 in another line', Buffer.from('NOTE: \xc3(\r\nDEVICE-ID: a\r\n', 'latin1')],
    ['a host key that is none', 'DEVICE-ID: a\r\nHOST-KEY: ssh-rsa !!!\r\n'],
    ['a host key of another type than it says', `DEVICE-ID: a\r\nHOST-KEY: ${key.replace('ed25519', 'rsa')}\r\n`],
  ])('with %s is refused as malformed, however its octets are split', (_name, preamble) => {
    const bytes = Buffer.concat([Buffer.from(preamble), Buffer.from(identification)])
    expect(reasonOf(bytes)).toBe('initiation-malformed')
    expect(readOneByOne(bytes)?.initiation).toEqual(readInitiation(bytes))
  })

  it('that is refused for its host key tells whose it claimed to be', () => {
    const initiation = read(`DEVICE-ID: router1\r\nHOST-KEY: none\r\n${identification}`)
    expect(initiation).toMatchObject({ state: 'refused', refusal: { deviceId: 'router1' } })
  })
})

describe('what is no initiation sequence', () => {
  it.each([
    ['nothing', ''],
    ['a banner', 'Welcome\r\nto the device\r\n'],
    ['an empty device id', 'DEVICE-ID: \r\n'],
    ['a device id of colons and spaces', 'DEVICE-ID: : :\r\n'],
    ['a blank line', '\n'],
  ])('%s before the identification leaves the host key alone to tell who it is', (_name, preamble) => {
    const bytes = Buffer.from(preamble + identification)
    const whole = readInitiation(bytes)
    expect(whole).toEqual({ state: 'complete', claim: { form: 'none', deviceIds: [] }, length: preamble.length })
    expect(readOneByOne(bytes)).toEqual({ initiation: whole, length: preamble.length + 4 })
  })

  it.each([
    ['a GET', 'GET / HTTP/1.1\r\n', 4],
    ['a CONNECT', 'CONNECT r1:22 HTTP/1.1\r\n', 8],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 4],
    ['OPTIONS', 'OPTIONS * HTTP/1.1\r\n', 8],
    ['a TLS ClientHello', Buffer.from('16030100f8010000f40303', 'hex'), 2],
    ['a TLS ClientHello of another version', Buffer.from('160303', 'hex'), 2],
  ])('%s is recognised as early as can be', (_name, bytes, length) => {
    expect(reasonOf(bytes)).toBe('not-ssh')
    expect(readOneByOne(Buffer.from(bytes))).toMatchObject({
      initiation: { state: 'refused', refusal: { reason: 'not-ssh' } },
      length,
    })
  })

  it.each([
    'GETTING-ID: x\r\nDEVICE-ID: a\r\n',
    'get : x\r\nDEVICE-ID: a\r\n',
    '\r\nGET / HTTP/1.1\r\nDEVICE-ID: a\r\n',
  ])('%j is not HTTP', (preamble) => {
    expect(deviceIdOf(preamble + identification)).toBe('a')
  })
})

describe('a Calix identity', () => {
  const inner = (first: string, second: string): string => `<model-name>E7-2</model-name>${first}${second}<source-ip/>`
  const mac = '<mac>00:02:5d:d9:21:5e</mac>'
  const serial = '<serial-number>071904926728</serial-number>'

  it.each([
    ['mac first', `<identity>${inner(mac, serial)}</identity>`, ['071904926728', '00:02:5d:d9:21:5e']],
    ['serial number first', `<identity>${inner(serial, mac)}</identity>`, ['071904926728', '00:02:5d:d9:21:5e']],
    ['mac alone', `<identity>${inner(mac, '')}</identity>`, ['00:02:5d:d9:21:5e']],
    ['serial number alone', `<identity>${inner('', serial)}</identity>`, ['071904926728']],
    ['after its version', `<version>1</version><identity>${inner(mac, '')}</identity>`, ['00:02:5d:d9:21:5e']],
    [
      'with a prolog and white space',
      `\r\n <?xml version="1.0"?>\n<identity>\n <mac>\n 00:02:5d:d9:21:5e\t</mac>\n</identity>`,
      ['00:02:5d:d9:21:5e'],
    ],
    [
      'with an empty serial number',
      `<identity><serial-number> </serial-number>${mac}</identity>`,
      ['00:02:5d:d9:21:5e'],
    ],
    [
      'with a serial number that is no id',
      `<identity><serial-number>\u0007</serial-number>${mac}</identity>`,
      ['00:02:5d:d9:21:5e'],
    ],
  ])('%s waits for its acknowledgement, however its octets are split', (_name, identity, deviceIds) => {
    const awaiting = { state: 'awaits-ack', claim: { form: 'calix', deviceIds }, length: identity.length }
    for (const after of ['', '\n', identification, `\r\n${identification}`]) {
      const bytes = Buffer.from(identity + after)
      expect(readInitiation(bytes)).toEqual(awaiting)
      expect(readOneByOne(bytes)).toEqual({ initiation: awaiting, length: identity.length })
    }
  })

  it.each([
    ['neither id', '<identity><model-name>E7</model-name></identity>'],
    ['empty ids', '<identity><mac/><serial-number></serial-number></identity>'],
    ['an id that never ends', '<identity><mac>a</identity>'],
    ['octets that are not UTF-8', Buffer.from('<identity><mac>\xff</mac></identity>', 'latin1')],
    ['an id of 256 octets', `<identity><mac>${'a'.repeat(256)}</mac></identity>`],
  ])('with %s is refused as malformed', (_name, identity) => {
    expect(reasonOf(identity)).toBe('initiation-malformed')
  })

  it('is looked for only where the first octet beside white space is <', () => {
    expect(read(`x<identity>${mac}</identity>`)).toEqual({ state: 'incomplete' })
  })
})

describe('the bound of 8 KiB', () => {
  const line = (length: number): string => `DEVICE-ID: a\r\n${'x'.repeat(length - 'DEVICE-ID: a\r\n\n'.length)}\n`

  it('holds the longest sequence, however its octets are split', () => {
    const bytes = Buffer.from(line(MAX_INITIATION_LENGTH) + identification)
    const whole = readInitiation(bytes)
    expect(whole).toMatchObject({ state: 'complete', length: MAX_INITIATION_LENGTH })
    expect(readOneByOne(bytes)).toEqual({ initiation: whole, length: MAX_INITIATION_LENGTH + 4 })
  })

  it('does not hold one octet more, however its octets are split', () => {
    const bytes = Buffer.from(line(MAX_INITIATION_LENGTH + 1) + identification)
    expect(reasonOf(bytes)).toBe('initiation-too-long')
    expect(readOneByOne(bytes)?.initiation).toMatchObject({ refusal: { reason: 'initiation-too-long' } })
  })

  it('holds a Calix identity of as many octets and none longer, however its octets are split', () => {
    const identity = (length: number): string =>
      `<identity><mac>a</mac>${' '.repeat(length - '<identity><mac>a</mac></identity>'.length)}</identity>`
    expect(read(identity(MAX_INITIATION_LENGTH))).toMatchObject({ state: 'awaits-ack' })
    const longer = Buffer.from(identity(MAX_INITIATION_LENGTH + 1) + identification)
    expect(reasonOf(longer)).toBe('initiation-too-long')
    expect(readOneByOne(longer)?.initiation).toMatchObject({ refusal: { reason: 'initiation-too-long' } })
  })

  it('is told in the refusal', () => {
    expect(read('x'.repeat(9000))).toMatchObject({
      refusal: { message: 'sent 8192 octets without an SSH identification' },
    })
  })
})

describe('hostile octets', () => {
  // Expressions that may match the same spaces in two ways took minutes over these.
  it.each([
    ['a Calix id of spaces', (size: number) => `<identity><mac>${' '.repeat(size)}</identity>`],
    ['many Calix ids that never end', (size: number) => `<identity>${'<mac>'.repeat(size / 5)}</identity>`],
    ['a key of colons', (size: number) => `A${':'.repeat(size)}x\u2028y\n${identification}`],
    ['a value of spaces', (size: number) => `DEVICE-ID: a${' '.repeat(size)}b\n${identification}`],
    [
      'a host key with spaces around its comment',
      (size: number) => {
        const spaces = ' '.repeat(size * 0.48)
        return `DEVICE-ID: a\nHOST-KEY: ${key}${spaces}x${spaces}\u2028y\n${identification}`
      },
    ],
  ])('are read in no time: %s', (_name, textOf) => {
    const growth = growthOf(2_000, (size) => {
      const bytes = Buffer.from(textOf(size))
      expect(bytes.length).toBeLessThan(MAX_INITIATION_LENGTH + 200)
      return () => readInitiation(bytes)
    })
    expect(growth).toBeLessThan(IN_PROPORTION)
  })

  it('never make it throw or wait beyond its bound, and are read alike in pieces and as one', () => {
    const random = mulberry32(4334)
    const words = [
      'MSG-ID: DEVICE-CONN-INFO',
      'DEVICE-ID:',
      'HOST-KEY: ssh-rsa',
      'HMAC: ',
      'SSH-',
      '\r\n',
      '\n',
      '\0',
      ' ',
      ':',
      '<identity>',
      '<mac>',
      '</mac>',
      '</identity>',
      'GET ',
      'a',
    ].map((word) => Buffer.from(word))
    const pick = (): Buffer => words[Math.floor(random() * words.length)] ?? Buffer.alloc(0)
    const noise = (): Buffer => Buffer.from(Array.from({ length: Math.floor(random() * 6) }, () => random() * 256))
    for (let round = 0; round < 400; round += 1) {
      const bytes = Buffer.concat(Array.from({ length: 30 }, () => (random() < 0.15 ? noise() : pick())))
      const byOne = readOneByOne(bytes)
      const whole = readInitiation(bytes)
      expect(byOne?.initiation ?? { state: 'incomplete' }, bytes.toString('latin1')).toEqual(whole)
    }
    for (let round = 0; round < 50; round += 1) {
      const bytes = Buffer.from(Array.from({ length: MAX_INITIATION_LENGTH + 4 }, () => random() * 256))
      expect(readInitiation(bytes).state).not.toBe('incomplete')
    }
  })
})

/** Numbers from 0 to 1 that are the same in every run. */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
