import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LoginBlock } from '../../src/access/authn/login-limits.js'
import { createLoginLog, type LoginTried } from '../../src/northbound/login-log.js'
import { createLog } from '../../src/telemetry/log.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function loginLog(more: object = {}) {
  const lines: Readonly<Record<string, unknown>>[] = []
  const log = createLog(
    { level: 'info', format: 'json' },
    { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  )
  const counted: string[] = []
  const made = createLoginLog(log, () => ({ loggedFailuresPerAddress: 3, window: 60_000, maxTracked: 2, ...more }), {
    loginFailed: (method, reason) => void counted.push(`${method} ${reason}`),
  })
  const tried = (address: string): LoginTried => ({
    log: log.child({ source: `${address}:4711` }),
    address,
    login: 'ops@router1',
    method: 'password',
    user: 'ops',
    deviceId: 'router1',
  })
  return { lines, counted, made, tried }
}

describe('a failed login', () => {
  it('is one line with all that is known of it, and is counted', () => {
    const { lines, counted, made, tried } = loginLog()
    made.failed(tried('192.0.2.1'), 'hook-unavailable', 'hook-unavailable: it did not answer')
    expect(lines).toEqual([
      {
        level: 'info',
        time: expect.any(String),
        source: '192.0.2.1:4711',
        login: 'ops@router1',
        user: 'ops',
        deviceId: 'router1',
        method: 'password',
        reason: 'hook-unavailable',
        msg: 'authentication failed: hook-unavailable: it did not answer',
      },
    ])
    expect(counted).toEqual(['password hook-unavailable'])
  })

  it('is no line of its own where an address fails without end, but is counted', () => {
    const { lines, counted, made, tried } = loginLog()
    for (let at = 0; at < 10; at++) made.failed(tried('2001:db8::1'), 'unknown-key', 'x')
    made.failed(tried('2001:db8::2'), 'unknown-key', 'the same /64')
    made.failed(tried('192.0.2.1'), 'unknown-key', 'another address')
    expect(lines.map(({ source }) => source)).toEqual([
      ...Array.from({ length: 3 }, () => '2001:db8::1:4711'),
      '192.0.2.1:4711',
    ])
    expect(counted).toHaveLength(12)
    vi.advanceTimersByTime(60_000)
    expect(lines.at(-1)).toMatchObject({ level: 'warn', address: '2001:db8:0:0::/64', failures: 8 })
    made.failed(tried('2001:db8::1'), 'unknown-key', 'later')
    expect(lines.at(-1)).toMatchObject({ source: '2001:db8::1:4711' })
    expect(lines).toHaveLength(6)
  })

  it('from more addresses than are told apart is counted alone, and nothing piles up', () => {
    const { lines, counted, made, tried } = loginLog()
    for (let at = 0; at < 50; at++) made.failed(tried(`192.0.2.${at}`), 'unknown-key', 'x')
    expect(lines).toHaveLength(2)
    expect(counted).toHaveLength(50)
    expect(vi.getTimerCount()).toBe(2)
  })

  it('that a block turned away is no line, for the block has one', () => {
    const { lines, counted, made, tried } = loginLog()
    const block: LoginBlock = {
      scope: 'user-and-address',
      user: 'ops',
      address: '192.0.2.1',
      failures: 5,
      lasts: 300_000,
      turnedAway: 0,
    }
    made.blockBegan(block)
    for (let at = 0; at < 10; at++) made.failed(tried('192.0.2.1'), 'blocked', 'blocked')
    made.blockEnded({ ...block, turnedAway: 10 })
    made.blockBegan({ ...block, scope: 'address', failures: 100 })
    expect(lines).toMatchObject([
      {
        level: 'warn',
        msg: 'logins with a password are blocked: 5 failed for "ops" from 192.0.2.1',
        user: 'ops',
        address: '192.0.2.1',
        failures: 5,
        blockedSeconds: 300,
        hint: expect.stringContaining('old password'),
      },
      {
        level: 'info',
        msg: expect.stringMatching(/not blocked any more for "ops" from 192\.0\.2\.1$/),
        turnedAway: 10,
      },
      { level: 'warn', msg: 'logins with a password are blocked: 100 failed from 192.0.2.1', scope: 'address' },
    ])
    expect(lines[2]).not.toHaveProperty('user')
    expect(counted).toHaveLength(10)
  })
})
