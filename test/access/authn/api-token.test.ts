import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { generateToken, readToken } from '../../../src/access/authn/api-token.js'
import { createTokenService, type TokenService, type WantedToken } from '../../../src/access/authn/token-service.js'
import { shelfInMemory } from '../../northbound/http/fleet-in-memory.js'

const day = 24 * 60 * 60 * 1000
const wanted: WantedToken = { user: 'ann', createdBy: 'operator' }

function makeService(options: { maxTokens?: number; fails?: boolean } = {}) {
  const shelf = shelfInMemory()
  let time = Date.UTC(2026, 2, 1)
  let writes = 0
  const problems: unknown[] = []
  const service = createTokenService({
    shelf: {
      ...shelf,
      update: async (id, change) => {
        writes += 1
        return options.fails ? { ok: false, failure: { message: 'full', hint: 'h' } } : shelf.update(id, change)
      },
    },
    isUser: (name) => name === 'ann',
    maxTokens: () => options.maxTokens ?? 10,
    onProblem: (problem) => problems.push(problem),
    now: () => new Date(time),
  })
  return { service, shelf, problems, pass: (milliseconds: number) => (time += milliseconds), written: () => writes }
}

async function made(service: TokenService, more: Partial<WantedToken> = {}) {
  const created = await service.create({ ...wanted, ...more })
  if (!created.ok) throw new Error(created.refusal.message)
  return created
}

describe('a token', () => {
  it('is kept by the hash of its secret part alone', async () => {
    const { service, shelf } = makeService()
    const { text, token } = await made(service)
    const [, id = '', secret = ''] = /^hp_([0-9a-z]{12})_([\w-]{43})$/.exec(text) ?? []
    expect(await shelf.get(id)).toEqual(token)
    expect(token.hash).toEqual(createHash('sha256').update(secret).digest())
    expect(JSON.stringify(await shelf.list())).not.toContain(secret)
    expect(new Set(Array.from({ length: 50 }, () => generateToken().text)).size).toBe(50)
  })

  it.each([
    '',
    'hp_',
    'hp_abc_def',
    `hp_${'A'.repeat(12)}_${'x'.repeat(43)}`,
    `hp_${'a'.repeat(12)}_${'x'.repeat(44)}`,
  ])('%j is none', (text) => {
    expect(readToken(text)).toBeUndefined()
  })

  it('is good until it expires or is revoked, whichever comes first', async () => {
    const { service, pass } = makeService()
    const { text, token } = await made(service, { expiresAt: new Date(Date.UTC(2026, 2, 2)) })
    pass(day - 1)
    expect(await service.check(text)).toMatchObject({ ok: true, token: { user: 'ann' } })
    pass(1)
    expect(await service.check(text)).toEqual({ ok: false, reason: 'expired-token' })
    expect(await service.revoke(token.id, 'ops')).toMatchObject({ ok: true, token: { revocation: { by: 'ops' } } })
    expect(await service.revoke(token.id, 'other')).toMatchObject({ ok: true, token: { revocation: { by: 'ops' } } })
    expect(await service.check(text)).toEqual({ ok: false, reason: 'revoked-token' })
    expect(await service.revoke('aaaaaaaaaaaa', 'ops')).toMatchObject({
      ok: false,
      refusal: { reason: 'unknown-token' },
    })
  })

  it('with a wrong secret is told nothing, not even that it was revoked', async () => {
    const { service } = makeService()
    const { text, token } = await made(service)
    await service.revoke(token.id, 'ops')
    expect(await service.check(`${text.slice(0, 16)}${'A'.repeat(43)}`)).toEqual({ ok: false, reason: 'invalid-token' })
  })

  it('remembers when it was used, written once a minute', async () => {
    const { service, pass, written, problems } = makeService()
    const { text, token } = await made(service)
    const before = written()
    for (const seconds of [0, 1, 58, 2]) {
      pass(seconds * 1000)
      await service.check(text)
    }
    expect(written() - before).toBe(2)
    expect((await service.list()).find(({ id }) => id === token.id)?.lastUsedAt).toEqual(
      new Date(Date.UTC(2026, 2, 1, 0, 1, 1)),
    )
    expect(problems).toEqual([])
  })
})

describe('making one', () => {
  it('is for a user that there is', async () => {
    expect(await makeService().service.create({ ...wanted, user: 'bob' })).toMatchObject({
      ok: false,
      refusal: { reason: 'unknown-user' },
    })
  })

  it('is bounded by those that are good, and tidies away what ended long ago', async () => {
    const { service, pass } = makeService({ maxTokens: 2 })
    await made(service, { expiresAt: new Date(Date.UTC(2026, 2, 2)) })
    const second = await made(service)
    expect(await service.create(wanted)).toMatchObject({ ok: false, refusal: { reason: 'too-many-tokens' } })
    pass(day)
    await made(service)
    await service.revoke(second.token.id, 'ops')
    pass(80 * day)
    await made(service)
    expect(await service.list()).toHaveLength(4)
    pass(11 * day)
    expect(await service.create(wanted)).toMatchObject({ ok: false, refusal: { reason: 'too-many-tokens' } })
    expect(await service.list()).toHaveLength(2)
  })

  it('fails where it cannot be kept', async () => {
    const { service } = makeService({ fails: true })
    expect(await service.create(wanted)).toEqual({
      ok: false,
      refusal: { reason: 'not-written', message: 'full', hint: 'h' },
    })
    expect(await service.revoke('x', 'ops')).toMatchObject({ ok: false, refusal: { reason: 'not-written' } })
  })
})
