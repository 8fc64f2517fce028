import { afterAll, beforeAll, expect, it } from 'vitest'
import { certificateFileBeside, loadCertificate } from '../../src/ssh/certificate-file.js'
import { type KeyRoom, makeKeyRoom } from './ssh-keygen.js'

let room: KeyRoom
beforeAll(async () => {
  room = await makeKeyRoom()
})
afterAll(() => room.remove())

it('reads the certificate that ssh-keygen puts beside a key', async () => {
  const key = await room.key('user')
  const certificate = await room.certify(await room.key('ca'), key)
  expect(await loadCertificate(certificateFileBeside(key.path))).toEqual({ ok: true, certificate })
})

it('tells a file that is missing from one that cannot be read or holds something else', async () => {
  const cause = async (file: string) => {
    const loaded = await loadCertificate(file)
    return loaded.ok ? 'read' : loaded.failure.reason
  }
  expect(await cause(`${room.directory}/none`)).toBe('no-such-file')
  expect(await cause(room.directory)).toBe('unreadable-file')
  expect(await cause(await room.write('text', 'a text\n'))).toBe('malformed-certificate')
})
