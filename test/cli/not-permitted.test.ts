import { expect, it } from 'vitest'
import { fileHint } from '../../src/cli/not-permitted.js'

it.each(['EACCES', 'EPERM'])('a file that may not be touched (%s) is no file to be made anew', (code) => {
  expect(fileHint(code, 'make the CA')).toMatch(/^run this with sudo/)
})

it.each(['ENOENT', undefined])('of all else (%s) the command says itself what to do', (code) => {
  expect(fileHint(code, 'make the CA')).toBe('make the CA')
})
