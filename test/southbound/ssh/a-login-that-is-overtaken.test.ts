import type { AuthContext } from 'ssh2'
import { describe, expect, it } from 'vitest'
import type { LinkRefusal } from '../../../src/fleet/refusals/call-home.js'
import type { HostKeyRefusalReason } from '../../../src/trust/ssh/host-key-refusals.js'
import type { Verdict } from '../../../src/trust/ssh/judge-host-key.js'
import { endAfterEach } from '../../e2e/support/resources.js'
import { configuredDevice, openCallHome } from '../support/call-home.js'
import { callAsDevice, deferred, newDeviceKey } from '../support/calling-device.js'
import { logIntoDevice, newLoginKey, trusted } from '../support/login-at-device.js'

const own = endAfterEach()

const refusal = (reason: HostKeyRefusalReason): Verdict => ({
  trusted: false,
  reason,
  deviceId: 'router1',
  message: `is ${reason}`,
  hint: 'look',
})

/** What may be found once a login has begun, and what its refusal says then. */
const findings: readonly (readonly [string, Verdict, string])[] = [
  ['its key is revoked', refusal('revoked'), 'revoked'],
  ['its id is rejected', refusal('rejected'), 'rejected'],
  ['another key is bound to its id', refusal('host-key-not-pinned'), 'host-key-not-pinned'],
  ['nothing vouches for it any more', refusal('pending'), 'no-longer-proven'],
  ['its key is bound to another id', { ...trusted, deviceId: 'router2' }, 'no-longer-proven'],
]

/** A device that lets the bridge wait for the answer to its first attempt, a key where there is one. */
async function stalled(keys = [newLoginKey()]) {
  let verdict: Verdict = trusted
  let stands = true
  const asked = deferred<AuthContext>()
  const methods: string[] = []
  const { opening } = own(
    await logIntoDevice({
      judge: () => verdict,
      login: () => Promise.resolve({ username: 'netconf', keys, password: 'secret' }),
      loginStands: () => stands,
      answer: (context) => {
        methods.push(context.method)
        asked.resolve(context)
      },
    }),
  )
  const context = await asked.promise
  return {
    opening,
    methods,
    context,
    find: (found: Verdict) => {
      verdict = found
    },
    changeCredentials: () => {
      stands = false
    },
  }
}

describe('while the bridge logs into a device', () => {
  it.each(findings)('%s: it is sent no further credentials', async (_name, found, reason) => {
    const { opening, methods, context, find } = await stalled()
    find(found)
    context.reject(['password', 'keyboard-interactive'])
    expect(await opening).toMatchObject({ ok: false, refusal: { reason, deviceId: 'router1' } })
    expect(methods).toEqual(['publickey'])
  })

  it.each(findings)('%s: it gets no link though it lets the bridge in', async (_name, found, reason) => {
    const { opening, context, find } = await stalled([])
    find(found)
    context.accept()
    expect(await opening).toMatchObject({ ok: false, refusal: { reason, deviceId: 'router1' } })
  })

  it('its credentials are changed: those of before are not sent', async () => {
    const { opening, methods, context, changeCredentials } = await stalled()
    changeCredentials()
    context.reject(['password'])
    const refused = await opening
    expect(refused).toMatchObject({ ok: false, refusal: { reason: 'login-failed' } })
    expect(refused.ok ? '' : refused.refusal.message).toMatch(/the credentials bound to it changed meanwhile/)
    expect(methods).toEqual(['publickey'])
  })

  it('its key is revoked between two questions: the password is no answer', async () => {
    let verdict: Verdict = trusted
    const answered: string[][] = []
    const { opening } = own(
      await logIntoDevice({
        judge: () => verdict,
        answer: (context) => {
          if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive'])
          verdict = refusal('revoked')
          context.prompt([{ prompt: 'Password: ', echo: false }], (answers) => answered.push(answers))
        },
      }),
    )
    expect(await opening).toMatchObject({ ok: false, refusal: { reason: 'revoked' } })
    expect(answered).toEqual([])
  })

  it('its key is revoked while its credentials are made ready: none are sent', async () => {
    let verdict: Verdict = trusted
    const methods: string[] = []
    const { opening } = own(
      await logIntoDevice({
        judge: () => verdict,
        login: async () => {
          verdict = refusal('revoked')
          return { username: 'netconf', keys: [], password: 'secret' }
        },
        answer: (context) => {
          methods.push(context.method)
          context.accept()
        },
      }),
    )
    expect(await opening).toMatchObject({ ok: false, refusal: { reason: 'revoked' } })
    expect(methods).toEqual([])
  })
})

describe('a device whose login is under way as the operator decides otherwise', () => {
  it.each([['it is rejected', 'rejected'] as const, ['it is forgotten', 'no-longer-proven'] as const])(
    '%s, and it is not attached',
    async (_name, reason) => {
      const room = own(
        await openCallHome({
          credentials: { username: 'netconf', password: 'secret' },
          configured: [configuredDevice('other')],
        }),
      )
      const key = newDeviceKey()
      await room.service.bind('router1', key.blob, { how: 'first-use', source: '192.0.2.1:4334' })
      const asked = deferred<AuthContext>()
      const socket = await room.dial()
      socket.write('MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\nDEVICE-ID: router1\r\n')
      callAsDevice(socket, key, asked.resolve)
      const context = await asked.promise
      const refused: Promise<LinkRefusal> = room.refused()
      if (reason === 'rejected') await room.service.reject('router1', 'ops')
      else await room.service.forget('router1', 'ops')
      context.accept()
      expect(await refused).toMatchObject({ deviceId: 'router1', reason })
      expect((await room.fleet.device('router1'))?.link).toBeUndefined()
    },
  )
})
