import { describe, expect, it } from 'vitest'
import {
  createPasswordAuthentication,
  type PasswordAttempt,
  type PasswordAuthoritySettings,
} from '../../../src/access/authn/authenticate-password.js'
import type { HookAnswer, HookQuestion } from '../../../src/access/authn/authentication-hook.js'
import { createLoginLimiter, type LoginLimits } from '../../../src/access/authn/login-limits.js'
import type { PasswordVerdict } from '../../../src/access/authn/password-check.js'
import type { User } from '../../../src/access/authn/user.js'

const limits: LoginLimits = {
  failuresPerUserAndAddress: 3,
  failuresPerAddress: 1000,
  failuresPerKnownLogin: 1000,
  window: 600_000,
  block: 300_000,
  slowDown: 0,
  maxTracked: 1000,
}

const user = (name: string, more: Partial<User> = {}): User => ({
  name,
  passwordHash: `hash of ${name}`,
  authorizedKeys: [],
  principals: [name],
  roles: ['operator'],
  ...more,
})

/** The decision with users whose password is `right`, and counts of what was done for it. */
function authority({
  users = [user('ops'), user('netops')],
  hook,
  settings = {},
  limiting = {},
  check,
}: {
  readonly users?: readonly User[]
  readonly hook?: (question: HookQuestion) => HookAnswer | Promise<HookAnswer>
  readonly settings?: Partial<PasswordAuthoritySettings>
  readonly limiting?: Partial<LoginLimits>
  readonly check?: () => Promise<PasswordVerdict>
} = {}) {
  let current = new Map(users.map((each) => [each.name, each]))
  let hooked = hook !== undefined
  const checked: (string | undefined)[] = []
  const asked: HookQuestion[] = []
  let atOnce = 0
  let mostAtOnce = 0
  const limiter = createLoginLimiter({ ...limits, ...limiting }, { began: () => undefined, ended: () => undefined })
  const authenticate = createPasswordAuthentication({
    find: (name) => current.get(name),
    limiter,
    checkPassword: async (account, password) => {
      checked.push(account?.passwordHash)
      atOnce += 1
      mostAtOnce = Math.max(mostAtOnce, atOnce)
      await new Promise((resolve) => setImmediate(resolve))
      atOnce -= 1
      if (check !== undefined) return check()
      return password === 'right' && account !== undefined
        ? { ok: true }
        : { ok: false, reason: 'wrong-password', hint: '' }
    },
    settings: () => ({
      ...(hook !== undefined && hooked
        ? {
            hook: {
              cache: 60_000,
              ask: async (question: HookQuestion) => {
                asked.push(question)
                return hook(question)
              },
            },
          }
        : {}),
      isRole: (name) => ['operator', 'viewer'].includes(name),
      rememberLogins: 60_000,
      rememberWrong: 60_000,
      checkWhileBlocked: 0,
      ...settings,
    }),
  })
  const attempt = (name: string, password: string, more: Partial<PasswordAttempt> = {}) =>
    authenticate({ user: name, password, address: '192.0.2.1', via: 'ssh', ...more })
  return {
    attempt,
    limiter,
    checked,
    asked,
    mostAtOnce: () => mostAtOnce,
    setUsers: (next: readonly User[]) => {
      current = new Map(next.map((each) => [each.name, each]))
    },
    dropHook: () => {
      hooked = false
    },
  }
}

const reasonOf = (decision: { readonly ok: boolean; readonly reason?: string }): string =>
  decision.ok ? 'ok' : (decision.reason ?? '')

describe('a password of the configuration', () => {
  it('lets its user in, who is asked for anew as long as they stay', async () => {
    const { attempt, setUsers } = authority()
    const decision = await attempt('ops', 'right')
    if (!decision.ok) throw new Error(decision.reason)
    expect(decision.user.name).toBe('ops')
    setUsers([user('ops', { roles: ['viewer'] })])
    expect(decision.account()?.roles).toEqual(['viewer'])
    setUsers([])
    expect(decision.account()).toBeUndefined()
  })

  it.each([
    ['wrong', 'ops', 'wrong', {}],
    ['of a user who does not exist', 'nobody', 'right', {}],
    ['with a name that is malformed otherwise', 'ops', 'right', { hopeless: true }],
  ])('that is %s is refused after the same work', async (_, name, password, more) => {
    const { attempt, checked } = authority()
    expect(await attempt(name, password, more)).toEqual({ ok: false, reason: 'wrong-password' })
    expect(checked).toHaveLength(1)
  })

  it('is derived once for all who come with it at once, from one address', async () => {
    const { attempt, checked } = authority()
    const decisions = await Promise.all(Array.from({ length: 50 }, () => attempt('ops', 'right')))
    expect(decisions.every(({ ok }) => ok)).toBe(true)
    expect(checked).toHaveLength(1)
    await attempt('ops', 'right', { address: '192.0.2.2' })
    expect(checked).toHaveLength(2)
  })

  it('is derived again once the hash is another one', async () => {
    const { attempt, checked, setUsers } = authority()
    await attempt('ops', 'right')
    setUsers([user('ops', { passwordHash: 'another' })])
    await attempt('ops', 'right')
    expect(checked).toEqual(['hash of ops', 'another'])
  })

  it('that was wrong is wrong again without work, and is no further guess', async () => {
    const { attempt, checked } = authority()
    for (let at = 0; at < 20; at++) expect(reasonOf(await attempt('ops', 'old'))).toBe('wrong-password')
    expect(checked).toHaveLength(1)
    expect(reasonOf(await attempt('ops', 'right'))).toBe('ok')
  })

  it('fails as busy, and counts for nothing, where too many are being checked', async () => {
    const { attempt } = authority({ check: async () => ({ ok: false, reason: 'busy', hint: '' }) })
    for (let at = 0; at < 10; at++) expect(reasonOf(await attempt('ops', `p${at}`))).toBe('busy')
  })
})

describe('guesses', () => {
  it('at one user from one address are verified until it is blocked, whatever comes at once', async () => {
    const { attempt, checked, mostAtOnce } = authority()
    const reasons = await Promise.all(
      Array.from({ length: 200 }, async (_, at) => reasonOf(await attempt('ops', `p${at}`))),
    )
    expect(reasons.filter((reason) => reason === 'wrong-password')).toHaveLength(3)
    expect(reasons.filter((reason) => reason === 'blocked')).toHaveLength(197)
    expect(checked).toHaveLength(3)
    expect(mostAtOnce()).toBe(1)
  })

  it('look the same where there is no such user', async () => {
    const outcome = async (name: string) => {
      const { attempt, checked } = authority()
      const reasons: string[] = []
      for (let at = 0; at < 8; at++) reasons.push(reasonOf(await attempt(name, `p${at}`)))
      return { reasons, derivations: checked.length }
    }
    expect(await outcome('ops')).toEqual(await outcome('nobody'))
  })

  it('keep nobody out: not who is known there, not others there, not the same user elsewhere', async () => {
    const { attempt, checked } = authority()
    expect(reasonOf(await attempt('ops', 'right'))).toBe('ok')
    for (let at = 0; at < 10; at++) await attempt('ops', `p${at}`)
    const before = checked.length
    expect(reasonOf(await attempt('ops', 'right'))).toBe('ok')
    expect(checked).toHaveLength(before)
    expect(reasonOf(await attempt('netops', 'right'))).toBe('ok')
    expect(reasonOf(await attempt('ops', 'right', { address: '192.0.2.2' }))).toBe('ok')
  })

  it('keep even who is known there out once they are very many', async () => {
    const { attempt } = authority({ limiting: { failuresPerKnownLogin: 20 } })
    await attempt('ops', 'right')
    for (let at = 0; at < 30; at++) await attempt('ops', `p${at}`)
    expect(reasonOf(await attempt('ops', 'right'))).toBe('blocked')
  })

  it('tell when another attempt is worth while', async () => {
    const { attempt } = authority()
    for (let at = 0; at < 3; at++) await attempt('ops', `p${at}`)
    const decision = await attempt('ops', 'right')
    expect(decision).toEqual({ ok: false, reason: 'blocked', retryAfter: expect.any(Number) })
    expect(decision.ok ? 0 : decision.retryAfter).toBeGreaterThan(290_000)
  })

  it('leave one in a while to be verified although they are blocked, which lifts no block', async () => {
    const { attempt, checked } = authority({ settings: { checkWhileBlocked: 20, rememberLogins: 0 } })
    for (let at = 0; at < 3; at++) await attempt('ops', `p${at}`)
    expect(reasonOf(await attempt('ops', 'right'))).toBe('ok')
    // The next ones within the time wait for its end.
    expect(reasonOf(await attempt('ops', 'right'))).toBe('ok')
    expect(checked).toHaveLength(5)
    const reasons = await Promise.all(
      Array.from({ length: 50 }, async (_, at) => reasonOf(await attempt('ops', `q${at}`))),
    )
    expect(reasons.filter((reason) => reason === 'blocked').length).toBeGreaterThanOrEqual(48)
  })

  it('are answered late, from when they were asked', async () => {
    const { attempt } = authority({ limiting: { slowDown: 60 } })
    const began = performance.now()
    await attempt('ops', 'p1')
    const first = performance.now()
    await attempt('ops', 'p2')
    const second = performance.now()
    // A timer may be early by a millisecond or two.
    expect(first - began).toBeGreaterThanOrEqual(55)
    expect(second - first).toBeGreaterThanOrEqual(110)
    // The right one comes before a wrong one that was asked earlier.
    const answered: string[] = []
    await Promise.all([
      attempt('netops', 'p').then(() => answered.push('wrong')),
      attempt('ops', 'right').then(() => answered.push('right')),
    ])
    expect(answered).toEqual(['right', 'wrong'])
  })
})

describe('the hook', () => {
  const yes = (): HookAnswer => ({ kind: 'accepted', roles: ['operator'] })

  it('is asked about names that are not there, and about users without a password', async () => {
    const { attempt, asked, checked } = authority({
      users: [user('ops'), { name: 'keys-only', roles: ['viewer'], authorizedKeys: [], principals: [] }],
      hook: yes,
    })
    expect(reasonOf(await attempt('aaa', 'x', { deviceId: 'router1' }))).toBe('ok')
    expect(reasonOf(await attempt('keys-only', 'x'))).toBe('ok')
    expect(reasonOf(await attempt('ops', 'x'))).toBe('wrong-password')
    expect(reasonOf(await attempt('ops', 'x', { hopeless: true }))).toBe('wrong-password')
    expect(asked).toEqual([
      { user: 'aaa', password: 'x', source: '192.0.2.1', via: 'ssh', device: 'router1' },
      { user: 'keys-only', password: 'x', source: '192.0.2.1', via: 'ssh' },
    ])
    expect(checked).toHaveLength(2)
  })

  it('says the roles and the name; what it gave holds as long as one is asked', async () => {
    const { attempt, dropHook } = authority({ hook: () => ({ kind: 'accepted', roles: ['viewer'], user: 'Carol' }) })
    const decision = await attempt('carol', 'x')
    expect(decision).toMatchObject({ ok: true, user: { name: 'Carol', roles: ['viewer'], authorizedKeys: [] } })
    dropHook()
    expect(decision.ok && decision.account()).toBeUndefined()
  })

  it('gives somebody with an entry the roles of the entry where it gives none, until the entry is gone', async () => {
    const entry: User = { name: 'dave', roles: ['viewer'], device: 'router7', authorizedKeys: [], principals: [] }
    const { attempt, setUsers } = authority({ users: [entry], hook: () => ({ kind: 'accepted' }) })
    const decision = await attempt('dave', 'x')
    expect(decision).toMatchObject({ ok: true, user: { roles: ['viewer'], device: 'router7' } })
    setUsers([])
    expect(decision.ok && decision.account()).toBeUndefined()
  })

  it.each<[HookAnswer, string]>([
    [{ kind: 'refused' }, 'hook-refused'],
    [{ kind: 'unavailable', message: 'down' }, 'hook-unavailable'],
    [{ kind: 'accepted' }, 'hook-no-roles'],
    [{ kind: 'accepted', roles: [] }, 'hook-no-roles'],
    [{ kind: 'accepted', roles: ['operator', 'oprator'] }, 'hook-unknown-role'],
  ])('that answers %j lets nobody in: %s', async (answer, reason) => {
    const { attempt } = authority({ hook: () => answer })
    expect(await attempt('aaa', 'x')).toMatchObject({ ok: false, reason, message: expect.any(String) })
  })

  it('is not asked again for a while about what it accepted, however many come at once', async () => {
    const { attempt, asked } = authority({ hook: yes })
    await Promise.all(Array.from({ length: 20 }, () => attempt('aaa', 'x')))
    expect(asked).toHaveLength(1)
    await attempt('aaa', 'y')
    expect(asked).toHaveLength(2)
  })

  it('is not asked about guesses that are blocked; a failure of its own is no guess', async () => {
    const down = authority({ hook: () => ({ kind: 'unavailable', message: 'down' }) })
    for (let at = 0; at < 10; at++) expect(reasonOf(await down.attempt('aaa', `p${at}`))).toBe('hook-unavailable')
    const no = authority({ hook: () => ({ kind: 'refused' }) })
    for (let at = 0; at < 10; at++) await no.attempt('aaa', `p${at}`)
    expect(no.asked).toHaveLength(3)
  })
})
