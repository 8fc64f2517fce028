import { describe, expect, it } from 'vitest'
import { parseLoginName } from '../../../src/northbound/ssh/login-name.js'
import { type EntryPoint, refusalOfTarget } from '../../../src/northbound/ssh/target.js'

/** The users that there are, some with a device of their own. */
const users = new Map<string, { readonly device?: string }>([
  ['ops', {}],
  ['ops@example.org', {}],
  ['ops%night', {}],
  ['ops+night', {}],
  ['a+b', {}],
  ['a', {}],
  ['portal', { device: 'router7' }],
  ['portal@site', { device: 'router8' }],
  ['two@words@here', { device: 'router9' }],
])
const find = (name: string) => users.get(name)
const shared: EntryPoint = { kind: 'shared' }
const parse = (name: string, entryPoint: EntryPoint = shared) => parseLoginName(name, entryPoint, { find })
const device = (user: string, deviceId: string) => ({
  ok: true,
  login: { user, target: { kind: 'device', deviceId } },
})

describe('a login name where every device is reached', () => {
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
    ['ops@r%1+2', 'ops', 'r%1+2'],
    [`${'u'.repeat(256)}@${'d'.repeat(255)}`, 'u'.repeat(256), 'd'.repeat(255)],
    [`u@${'é'.repeat(255)}`, 'u', 'é'.repeat(255)],
    ['portal', 'portal', 'router7'],
    ['portal@router1', 'portal', 'router1'],
    ['portal@site', 'portal@site', 'router8'],
    ['portal@site@router1', 'portal@site', 'router1'],
    ['two@words@here', 'two@words@here', 'router9'],
    ['two@words', 'two', 'words'],
    ['constructor@__proto__', 'constructor', '__proto__'],
    ['ops%router1', 'ops', 'router1'],
    ['ops+router1', 'ops', 'router1'],
    ['portal%router1', 'portal', 'router1'],
    ['ops%router1%x+y', 'ops', 'router1%x+y'],
    ['ops%%', 'ops', '%'],
  ])('%j is user %j and device %j', (name, user, deviceId) => {
    expect(parse(name)).toEqual(device(user, deviceId))
  })

  it.each([
    ['ops', 'ops'],
    ['ops%night', 'ops%night'],
    ['ops@example.org', 'ops@example.org'],
    ['Portal', 'Portal'],
    ['nobody', 'nobody'],
    ['nobody%router1', 'nobody%router1'],
    ['ops%', 'ops%'],
    ['+router1', '+router1'],
    ['__proto__', '__proto__'],
  ])('%j is user %j, who names no device', (name, user) => {
    expect(parse(name)).toEqual({ ok: true, login: { user, target: { kind: 'none' } } })
  })

  it.each([
    ['', 'it is empty'],
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
    ['ops%night%router1', 'it can be split in two ways; write user@device-id'],
    ['a+b%router1', 'it can be split in two ways; write user@device-id'],
  ])('%j is refused: %s', (name, message) => {
    expect(parse(name)).toEqual({ ok: false, message })
  })

  it('of 512 octets is the longest', () => {
    expect(parse(`u@${'d'.repeat(510)}`).ok).toBe(true)
    expect(parse(`u@${'d'.repeat(511)}`).ok).toBe(false)
  })

  it('is never told to anybody: a refusal does not hold it', () => {
    for (const name of ['hidden-user@', 'hidden-user@\uFFFD', `hidden-user@${'d'.repeat(600)}`])
      expect(JSON.stringify(parse(name))).not.toContain('hidden')
  })
})

describe('a login name where one device is reached', () => {
  const entryPoint: EntryPoint = { kind: 'device', deviceId: 'Router1', by: 'port' }

  it.each(['ops', 'portal', 'ops@Router1', 'ops@router1', 'ops%ROUTER1', 'portal+router1'])(
    '%j is that device',
    (name) => {
      expect(parse(name, entryPoint)).toEqual(device(name.slice(0, name.search(/[@%+]|$/)), 'Router1'))
    },
  )

  it('may not name another one, and is told so', () => {
    const parsed = parse('ops@router2', entryPoint)
    expect(parsed).toEqual({
      ok: true,
      login: { user: 'ops', target: { kind: 'contradiction', entryPoint, asked: 'router2' } },
    })
    const contradiction = { kind: 'contradiction', entryPoint, asked: 'router2' } as const
    expect(refusalOfTarget(contradiction, true)).toMatchObject({
      reason: 'another-device',
      message: 'this port is that of device "Router1", but the login name asks for "router2"',
    })
    // Who has no rights on it is not told which device a port is of.
    expect(JSON.stringify(refusalOfTarget(contradiction, false))).not.toContain('Router1')
  })
})

describe('what a login asks for', () => {
  it('is refused where it is no device', () => {
    expect(refusalOfTarget({ kind: 'none' }, false).reason).toBe('no-device')
  })
})
