import { describe, expect, it } from 'vitest'
import { ok } from '../../../src/cli/doctor/finding.js'
import type { Patient } from '../../../src/cli/doctor/patient.js'
import { runChecks } from '../../../src/cli/doctor/run-checks.js'

const patient = {} as Patient

describe('checks', () => {
  it('run at once, and one that hangs or throws spoils no other', async () => {
    const aborted: string[] = []
    const findings = await runChecks(
      [
        {
          name: 'hangs',
          run: (_, signal) =>
            new Promise(() => signal.addEventListener('abort', () => aborted.push('hangs'), { once: true })),
        },
        {
          name: 'hangs too',
          run: () => new Promise(() => undefined),
        },
        {
          name: 'throws',
          run: () => {
            throw Object.assign(new Error('not here'), { code: 'ENOENT' })
          },
        },
        { name: 'looks', run: async () => [ok('well'), ok('very well')] },
      ],
      patient,
      200,
    )
    expect(findings).toEqual([
      { check: 'hangs', verdict: 'not-checked', message: 'it took over 0.2 s' },
      { check: 'hangs too', verdict: 'not-checked', message: 'it took over 0.2 s' },
      { check: 'throws', verdict: 'not-checked', message: 'it could not be looked at: ENOENT' },
      { check: 'looks', verdict: 'ok', message: 'well' },
      { check: 'looks', verdict: 'ok', message: 'very well' },
    ])
    expect(aborted).toEqual(['hangs'])
  })
})
