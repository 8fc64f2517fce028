import { describe, expect, it } from 'vitest'
import { parseLoginName } from '../../../src/northbound/ssh/addressing.js'

/** The devices of users who have one of their own. */
const own: Readonly<Record<string, string>> = {
  portal: 'router7',
  'portal@site': 'router8',
  'two@words@here': 'router9',
}
const deviceOf = (user: string): string | undefined => (Object.hasOwn(own, user) ? own[user] : undefined)
const parse = (name: string) => parseLoginName(name, deviceOf)

describe('a login name', () => {
  it.each([
    ['ops@router1', 'ops', 'router1'],
    ['ops@example.org@router1', 'ops@example.org', 'router1'],
    ['a@b@c@d', 'a@b@c', 'd'],
    ['@@router1', '@', 'router1'],
    ['@ops@router1', '@ops', 'router1'],
    ['ops@@router1', 'ops@', 'router1'],
    ['ops@0a1b.00:11:22:33:44:55', 'ops', '0a1b.00:11:22:33:44:55'],
    ['ops@rack 7', 'ops', 'rack 7'],
    [' ops@ router1 ', ' ops', ' router1 '],
    ['öps@ルーター1', 'öps', 'ルーター1'],
    ['ops@ROUTER1', 'ops', 'ROUTER1'],
    ['ops@router1/x', 'ops', 'router1/x'],
    ['ops%router@r1', 'ops%router', 'r1'],
    [`${'u'.repeat(256)}@${'d'.repeat(255)}`, 'u'.repeat(256), 'd'.repeat(255)],
    [`u@${'é'.repeat(255)}`, 'u', 'é'.repeat(255)],
    ['portal', 'portal', 'router7'],
    ['portal@router1', 'portal', 'router1'],
    ['portal@site', 'portal@site', 'router8'],
    ['portal@site@router1', 'portal@site', 'router1'],
    ['two@words@here', 'two@words@here', 'router9'],
    ['two@words', 'two', 'words'],
    ['constructor@__proto__', 'constructor', '__proto__'],
  ])('%j is user %j and device %j', (name, user, deviceId) => {
    expect(parse(name)).toEqual({ ok: true, login: { user, deviceId } })
  })

  it.each([
    ['', 'it names no device; the form is user@device-id'],
    ['ops', 'it names no device; the form is user@device-id'],
    ['Portal', 'it names no device; the form is user@device-id'],
    ['__proto__', 'it names no device; the form is user@device-id'],
    ['@', 'the user before @ is empty; the form is user@device-id'],
    ['@router1', 'the user before @ is empty; the form is user@device-id'],
    ['ops@', 'the device id after @ is empty; the form is user@device-id'],
    ['ops@router1@', 'the device id after @ is empty; the form is user@device-id'],
    ['ops@\uFFFD', 'it is not UTF-8'],
    ['\uFFFDps@router1', 'it is not UTF-8'],
    ['ops@router1\n', 'it holds control characters'],
    ['ops\0@router1', 'it holds control characters'],
    ['ops@\u001b[2J', 'it holds control characters'],
    ['ops@router\u0085', 'it holds control characters'],
    [`u@${'d'.repeat(511)}`, 'it is longer than 512 octets'],
    [`u@${'é'.repeat(256)}`, 'it is longer than 512 octets'],
  ])('%j is refused: %s', (name, message) => {
    expect(parse(name)).toEqual({ ok: false, message })
  })

  it('of 512 octets is the longest', () => {
    expect(parse(`u@${'d'.repeat(510)}`).ok).toBe(true)
    expect(parse(`u@${'d'.repeat(511)}`).ok).toBe(false)
  })

  it('is never told to anybody: a refusal does not hold it', () => {
    for (const name of ['hidden-user', 'hidden-user@', 'hidden-user@\uFFFD', `hidden-user@${'d'.repeat(600)}`])
      expect(JSON.stringify(parse(name))).not.toContain('hidden')
  })
})
