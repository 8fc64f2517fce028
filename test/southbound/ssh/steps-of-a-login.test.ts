import type { AuthContext, AuthenticationType } from 'ssh2'
import { describe, expect, it } from 'vitest'
import { fingerprintOf } from '../../../src/ssh/public-key.js'
import { endAfterEach } from '../../e2e/support/resources.js'
import { type LoginOptions, logIntoDevice, newLoginKey } from '../support/login-at-device.js'

const own = endAfterEach()
const key = newLoginKey()
const login = (keys = [key]) => Promise.resolve({ username: 'netconf', keys, password: 'secret' })

async function opened(options: LoginOptions) {
  return await own(await logIntoDevice({ login: () => login(), ...options })).opening
}

/** A device that wants these steps in this order, and says of each whether there are more. */
function inOrder(steps: readonly AuthenticationType[], taken: string[] = []): (context: AuthContext) => void {
  let at = 0
  const accept = (context: AuthContext): void => {
    taken.push(context.method)
    at += 1
    const next = steps[at]
    if (next === undefined) context.accept()
    else context.reject([next], true)
  }
  return (context) => {
    const wanted = steps[at]
    if (wanted === undefined || context.method !== wanted) return context.reject(wanted === undefined ? [] : [wanted])
    if (context.method === 'publickey') return context.signature === undefined ? context.accept() : accept(context)
    if (context.method === 'password') return context.password === 'secret' ? accept(context) : context.reject([wanted])
    if (context.method === 'keyboard-interactive')
      context.prompt([{ prompt: 'Password: ', echo: false }], ([answer]) =>
        answer === 'secret' ? accept(context) : context.reject([wanted]),
      )
  }
}

const methods: readonly AuthenticationType[] = ['publickey', 'password', 'keyboard-interactive']

describe('a device that wants several steps', () => {
  const orders = methods.flatMap((first) => [
    [first],
    ...methods
      .filter((method) => method !== first)
      .flatMap((second) => [
        [first, second],
        [first, second, ...methods.filter((method) => method !== first && method !== second)],
      ]),
  ])

  it.each(orders.map((order) => [order.join(', then '), order] as const))('has them: %s', async (_name, order) => {
    const taken: string[] = []
    const loggedInBy = order.map((method) => (method === 'publickey' ? 'key' : method))
    expect(await opened({ answer: inOrder(order, taken) })).toMatchObject({ ok: true, link: { loggedInBy } })
    expect(taken).toEqual(order)
  })

  it('has one key and then another', async () => {
    const second = newLoginKey()
    const signed: Buffer[] = []
    const opening = await opened({
      login: () => login([key, second]),
      answer: (context) => {
        if (context.method !== 'publickey') return context.reject(['publickey'])
        if (context.signature === undefined) return context.accept()
        signed.push(context.key.data)
        if (signed.length === 2) context.accept()
        else context.reject(['publickey'], true)
      },
    })
    expect(opening).toMatchObject({ ok: true })
    expect(signed).toEqual([key.getPublicSSH(), second.getPublicSSH()])
  })

  it('is refused with what it accepted, what it asked for then, and what it was offered', async () => {
    const opening = await opened({
      answer: (context) => {
        if (context.method === 'publickey' && context.signature === undefined) return context.accept()
        context.reject(['hostbased', 'x\u0007\n' as AuthenticationType], context.method === 'publickey')
      },
    })
    expect(opening).toMatchObject({ ok: false, refusal: { reason: 'login-failed', deviceId: 'router1' } })
    const message = opening.ok ? '' : opening.refusal.message
    expect(message).toContain('as "netconf"')
    expect(message).toContain(`it accepted publickey ssh-ed25519 ${fingerprintOf(key.getPublicSSH())}`)
    expect(message).toContain('and then asked for hostbased, x\\u{7}\\u{a}')
    expect(message).not.toContain('secret')
  })

  it('is refused with what it asks for where it accepted nothing', async () => {
    const opening = await opened({ answer: (context) => context.reject(['password', 'keyboard-interactive']) })
    expect(opening.ok ? '' : opening.refusal.message).toMatch(
      /as "netconf"; it asks for password, keyboard-interactive; offered were publickey .*, password, keyboard-interactive/,
    )
  })

  it('is not sent a password a second time that it refused', async () => {
    const passwords: string[] = []
    await opened({
      answer: (context) => {
        if (context.method === 'password') passwords.push(context.password)
        if (context.method === 'publickey')
          return context.signature === undefined ? context.accept() : context.reject(['password'], true)
        context.reject(['password', 'publickey'])
      },
      login: () => login([newLoginKey(), newLoginKey(), newLoginKey()]),
    })
    expect(passwords).toEqual(['secret'])
  })
})

describe('a hostile device', () => {
  it('that says partial success for ever is refused', async () => {
    let asked = 0
    const keys = Array.from({ length: 20 }, newLoginKey)
    const opening = await opened({
      login: () => login(keys),
      answer: (context) => {
        asked += 1
        if (context.method === 'publickey' && context.signature === undefined) return context.accept()
        context.reject([...methods], true)
      },
    })
    expect(opening).toMatchObject({ ok: false, refusal: { reason: 'login-failed' } })
    expect(asked).toBeLessThan(30)
  })

  it('that asks questions for ever, without a question in them, is refused', async () => {
    const opening = await opened({
      answer: (context) => {
        if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive'])
        const again = (): void => context.prompt([], again)
        again()
      },
    })
    expect(opening).toMatchObject({ ok: false, refusal: { reason: 'login-failed' } })
    expect(opening.ok ? '' : opening.refusal.message).toMatch(/more than 16 rounds of questions/)
  })

  it('that asks more than anybody is asked is refused', async () => {
    const opening = await opened({
      answer: (context) => {
        if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive'])
        context.prompt(
          Array.from({ length: 17 }, () => ({ prompt: 'x', echo: false })),
          () => context.accept(),
        )
      },
    })
    expect(opening).toMatchObject({ ok: false, refusal: { reason: 'login-failed' } })
  })
})

describe('a device with an expired password', () => {
  const expired = 'Your password has expired.\u001B[2J Choose a new one'

  it('is refused at once, with its words', async () => {
    const opening = await opened({
      answer: (context) => {
        if (context.method !== 'password') return context.reject(['password'])
        context.requestChange(expired, () => context.accept())
      },
    })
    expect(opening).toMatchObject({ ok: false, refusal: { reason: 'login-failed' } })
    const { message, hint } = opening.ok ? { message: '', hint: '' } : opening.refusal
    expect(message).toContain('wants the password of "netconf" changed')
    expect(message).toContain('Your password has expired.')
    expect(message).not.toContain('\u001B')
    expect(hint).toMatch(/change its password there/)
  })

  it('that asks for a new one by keyboard-interactive gets none', async () => {
    const answered: string[][] = []
    const opening = await opened({
      answer: (context) => {
        if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive'])
        context.prompt([{ prompt: 'Current password: ', echo: false }], (answers) => {
          answered.push(answers)
          context.prompt(
            [
              { prompt: 'New password: ', echo: false },
              { prompt: 'Retype new password: ', echo: false },
            ],
            (more) => answered.push(more),
          )
        })
      },
    })
    expect(opening.ok ? '' : opening.refusal.message).toMatch(
      /wants the password of "netconf" changed: "New password: "/,
    )
    expect(answered).toEqual([['secret']])
  })
})

describe('a device that asks by keyboard-interactive', () => {
  it.each([
    [
      'a user name and the password',
      [
        ['Username: ', true],
        ['Password: ', false],
      ],
      ['netconf', 'secret'],
    ],
    [
      'a second secret, which is not the password',
      [
        ['Password: ', false],
        ['Token: ', false],
      ],
      ['secret', ''],
    ],
    ['a user name alone', [['login: ', true]], ['netconf']],
  ] as const)('for %s has just that', async (_name, prompts, expected) => {
    const answered: string[][] = []
    const opening = await opened({
      answer: (context) => {
        if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive'])
        context.prompt(
          prompts.map(([prompt, echo]) => ({ prompt, echo })),
          (answers) => {
            answered.push(answers)
            context.accept()
          },
        )
      },
    })
    expect(opening).toMatchObject({ ok: true })
    expect(answered).toEqual([expected])
  })

  it('in several rounds has the password in one of them', async () => {
    const answered: string[][] = []
    const opening = await opened({
      answer: (context) => {
        if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive'])
        context.prompt([], 'Welcome', () =>
          context.prompt([{ prompt: 'Password: ', echo: false }], (first) => {
            answered.push(first)
            context.prompt([{ prompt: 'Passcode or option: ', echo: false }], (second) => {
              answered.push(second)
              context.accept()
            })
          }),
        )
      },
    })
    expect(opening).toMatchObject({ ok: true })
    expect(answered).toEqual([['secret'], ['']])
  })
})
