import { describe, expect, it } from 'vitest'
import { linkStandingOf } from '../../src/fleet/link-state.js'
import { attached } from '../northbound/http/fleet-in-memory.js'

type Known = Parameters<typeof linkStandingOf>[0]

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 10, minute))
const wrongHmac = { reason: 'wrong-hmac', message: 'the secrets differ', hint: 'compare both', source: 'a:1' } as const
const stored = (minute: number) => ({ ...wrongHmac, at: at(minute) })
const known = (status: Known['status'], enrolment?: Partial<NonNullable<Known['enrolment']>>): Known => ({
  status,
  enrolment: enrolment && { standing: 'approved', ...enrolment },
})

describe('the link state of a device', () => {
  it.each<[string, Known, object]>([
    ['of which nothing was ever heard', known({}), { state: 'never' }],
    ['that nobody knows', known(undefined), { state: 'never' }],
    [
      'with a link, whatever was refused meanwhile',
      known({ ...attached('r'), lastRefusal: { at: at(59), refusal: wrongHmac } }),
      { state: 'attached', since: new Date('2025-06-01T10:00:00Z') },
    ],
    [
      'that waits for an operator, whose call has timed out',
      known(undefined, { standing: 'pending', firstSeen: at(1), lastSeen: at(2), lastRefusal: stored(3) }),
      { state: 'pending', since: at(1) },
    ],
    [
      'that is refused again and again, and never came in',
      known({ lastRefusal: { at: at(5), refusal: wrongHmac } }, { lastRefusal: stored(4) }),
      { state: 'refused', since: at(5), reason: 'wrong-hmac', message: 'the secrets differ', hint: 'compare both' },
    ],
    [
      'that was refused before the bridge was started anew',
      known({}, { standing: 'rejected', lastSeen: at(3), lastRefusal: stored(4) }),
      { state: 'refused', since: at(4), reason: 'wrong-hmac', message: 'the secrets differ', hint: 'compare both' },
    ],
    [
      'that was refused once and came in after that',
      known({ lastSeen: at(6) }, { lastSeen: at(3), lastRefusal: stored(4) }),
      { state: 'away', since: at(6) },
    ],
    [
      'whose link ended',
      known({ lastSeen: at(7), lastDetached: { at: at(7), end: { reason: 'lost', message: 'it closed it' } } }),
      { state: 'away', since: at(7), reason: 'lost', message: 'it closed it' },
    ],
    ['of an earlier run of the bridge', known(undefined, { lastSeen: at(8) }), { state: 'away', since: at(8) }],
  ])('%s', (_name, of, standing) => {
    expect(linkStandingOf(of)).toEqual(standing)
  })
})
