import { describe, expect, it } from 'vitest'
import { failed, fewOf, notChecked, ok, warning } from '../../../src/cli/doctor/finding.js'
import { findingsText } from '../../../src/cli/doctor/show-findings.js'

describe('findings for people', () => {
  it('stand below each other, eighty columns wide, and a hint in one piece', () => {
    const hint = `homeport devices approve --fingerprint SHA256:${'A'.repeat(43)} --config /etc/homeport/homeport.yaml router1`
    const text = findingsText([
      { check: 'files', ...ok('all well') },
      { check: 'devices', ...failed(`${'many words '.repeat(12)}of one device`, hint) },
      { check: 'devices', ...warning('another', 'look at it') },
      { check: 'clock', ...notChecked('nobody tells \u001b[2Jthe time') },
    ])
    expect(text).toContain(`\n${' '.repeat(22)}→ ${hint}\n`)
    expect(text.split('\n')[0]).toBe('ok           files    all well')
    expect(text).toMatch(/^warning {15}another$/m)
    expect(text).toContain(String.raw`nobody tells \u{1b}[2Jthe time`)
    expect(text).toMatch(/\n\n1 wrong, 1 to look at, 1 not checked\n$/)
    for (const line of text.split('\n')) if (!line.includes('→')) expect(line.length).toBeLessThanOrEqual(80)
  })

  it('are the first of many, and the worst of what is left out', () => {
    const many = [...Array.from({ length: 12 }, (_, at) => warning(`device ${at}`, 'x')), failed('the last', 'y')]
    const few = fewOf(many, 'devices')
    expect(few).toHaveLength(11)
    expect(few.at(-1)).toMatchObject({ verdict: 'failed', message: 'and 3 more devices' })
    expect(fewOf(many.slice(0, 10), 'devices')).toHaveLength(10)
  })
})
