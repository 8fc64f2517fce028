import { describe, expect, it } from 'vitest'
import { sessionLimit } from '../../src/fleet/most-sessions.js'
import { sessionRefusal } from '../../src/fleet/refusals/sessions.js'

const openssh = { software: 'OpenSSH_9.2', capacity: {} }
const libssh = { software: 'libssh_0.10.6', capacity: {} }

describe('a refusal for a limit says whose it is, and what changes it', () => {
  it.each([
    ['of all devices', { maxSessions: 10 }, openssh, /the bridge opens 10 at a time .* raise link\.max-sessions of/],
    [
      'of this device',
      { maxSessions: 4, ownMaxSessions: true },
      openssh,
      /the bridge opens 4 at a time .* raise devices\[\]\.max-sessions of/,
    ],
    [
      'of what the device’s software can do',
      { maxSessions: 10 },
      libssh,
      /opens one at a time .*software \(libssh_0\.10\.6\).*allow it more by devices\[\]\.max-sessions/,
    ],
    [
      'of such software that the file allows more',
      { maxSessions: 3, ownMaxSessions: true },
      libssh,
      /the bridge opens 3 at a time .* raise devices\[\]\.max-sessions of/,
    ],
    [
      'of the connection',
      { maxSessions: 10 },
      { software: 'x', capacity: { channels: 1 } },
      /its connection carries 1 at a time.*calls? home by several connections .*, or in a form that carries more/,
    ],
  ])('%s', (_, bounds, traits, said) => {
    const { message, hint } = sessionRefusal('link-full', 'router1', {
      limit: sessionLimit(bounds, traits),
      links: 1,
    })
    expect(`${message}; ${hint}`).toMatch(said)
    expect(message).toMatch(/^device "router1" has no free session: /)
  })

  it('of the device itself, which no key of the bridge changes', () => {
    const { message, hint } = sessionRefusal('link-full', 'router1', {
      limit: { whose: 'device', open: 2, saying: 'no more' },
      links: 1,
    })
    expect(message).toBe(
      'device "router1" has no free session: ' +
        'the device opens no further channel beside the 2 that the bridge has on it (no more)',
    )
    expect(hint).toMatch(/raise the limit on the device: MaxSessions .* max-sessions-per-connection on Junos/)
    expect(hint).not.toMatch(/link\.|devices\[/)
  })

  it('of each of several links', () => {
    const full = { limit: sessionLimit({ maxSessions: 10 }, openssh), links: 3 }
    expect(sessionRefusal('link-full', 'router1', full).message).toBe(
      'device "router1" has no free session on any of its 3 links; of each: ' +
        'the bridge opens 10 at a time on it, and all are in use',
    )
  })

  it('of those that wait, beside it', () => {
    const { message, hint } = sessionRefusal(
      'session-queue-full',
      'router1',
      { limit: sessionLimit({ maxSessions: 10 }, openssh), links: 1 },
      32,
    )
    expect(message).toMatch(/opens 10 at a time.*as many clients wait for one as may \(32\)$/)
    expect(hint).toMatch(/link\.max-sessions .*link\.max-queued-sessions$/)
  })

  it('shows what a device calls its software on one line', () => {
    const traits = { software: `libssh-\u001b[31m\n${'x'.repeat(500)}`, capacity: {} }
    const { message } = sessionRefusal('link-full', 'router1', {
      limit: sessionLimit({ maxSessions: 2 }, traits),
      links: 1,
    })
    expect(message).toMatch(/^[^\p{Cc}]+$/u)
    expect(message.length).toBeLessThan(300)
  })
})
