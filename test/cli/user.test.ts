import { describe, expect, it } from 'vitest'
import { matchesPassword, parsePasswordHash } from '../../src/access/authn/password-hash.js'
import { userCommand } from '../../src/cli/user.js'
import { recordedIo } from './recorded-io.js'

async function hashPassword(terminal: boolean, ...chunks: readonly (string | Buffer)[]) {
  const { io, stdin, output } = recordedIo({ terminal })
  const done = userCommand(io).parseAsync(['hash-password'], { from: 'user' })
  for (const chunk of chunks) stdin.write(chunk)
  stdin.end()
  await done
  return output
}

async function isHashOf(printed: string, password: string): Promise<boolean> {
  expect(printed).toMatch(/^\$scrypt\$\S+\n$/)
  const parsed = parsePasswordHash(printed.trim())
  return parsed.ok && matchesPassword(password, parsed.hash)
}

describe('user hash-password', () => {
  it.each([
    ['one line', ['secret\n'], 'secret'],
    ['no line end', ['secret'], 'secret'],
    ['a line end of Windows', ['secret\r\n'], 'secret'],
    ['several pieces, the rest ignored', ['se', 'cr', 'et\nmore\n'], 'secret'],
    ['spaces', [' a b \n'], ' a b '],
    ['a character cut in two', [Buffer.from([0xc3]), Buffer.from([0xa9, 0x0a])], 'é'],
  ])('reads %s', async (_, chunks, password) => {
    const output = await hashPassword(false, ...chunks)
    expect(await isHashOf(output.stdout, password)).toBe(true)
    expect(output).toMatchObject({ stderr: '', status: 0 })
  })

  it.each([
    ['nothing', [], 'the password is empty'],
    ['an empty line', ['\nsecret\n'], 'the password is empty'],
    ['a file that is no password', ['x'.repeat(5000)], 'the password has more than 1024 bytes'],
  ])('refuses %s', async (_, chunks, message) => {
    expect(await hashPassword(false, ...chunks)).toMatchObject({
      stdout: '',
      stderr: `homeport: ${message}\n`,
      status: 2,
    })
  })

  it('asks twice on a terminal, shows nothing, and takes back what was mistyped', async () => {
    const output = await hashPassword(true, 'wrong\u0015hel', 'lo\u007f\u007fl', 'é\r', 'hellé\r')
    expect(await isHashOf(output.stdout, 'hellé')).toBe(true)
    expect(output).toMatchObject({ stderr: 'Password: \nAgain: \n', status: 0, raw: [true, false] })
  })

  it.each([
    ['two that differ', ['one\r', 'two\r'], 'the two passwords differ'],
    ['empty ones', ['\r', '\r'], 'the password is empty'],
    ['Ctrl-C', ['one\u0003'], 'no password was entered'],
    ['Ctrl-D', ['one\r\u0004'], 'no password was entered'],
    ['the end', ['one'], 'no password was entered'],
  ])('on a terminal refuses %s', async (_, chunks, message) => {
    const output = await hashPassword(true, ...chunks)
    expect(output.stderr).toMatch(new RegExp(`homeport: ${message}\n$`))
    expect(output).toMatchObject({ stdout: '', status: 2, raw: [true, false] })
  })
})
