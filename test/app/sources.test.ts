import { describe, expect, it } from 'vitest'
import { createSources } from '../../src/app/sources.js'
import { createLiveValue } from '../../src/lib/live-value.js'
import { createLog } from '../../src/telemetry/log.js'
import { configOf } from '../config/parse-text.js'

describe('sources that send garbage again and again', () => {
  it('are kept out, counted and told once, but not this machine, who may take all, or whom nobody knows', async () => {
    const lines: string[] = []
    const counted: string[] = []
    const settings = createLiveValue({ config: configOf('sources: { unlimited: [10.0.0.0/8, "2001:db8::/32"] }') })
    const sources = createSources(
      settings,
      createLog({ level: 'info', format: 'json' }, { write: (line) => void lines.push(line) }),
      { sourcePenalised: (offence) => counted.push(offence) },
    )
    const networks = [
      '127.0.0.66',
      '0:0:0:0::/64',
      '10.1.2.3',
      '2001:db8:1:2::/64',
      '',
      '192.0.2.1',
      '2001:db9:0:0::/64',
    ]
    for (const network of networks) for (let time = 0; time < 3; time += 1) sources.penalties.punish(network, 'garbage')
    expect(networks.filter((network) => sources.penalties.left(network) > 0)).toEqual([
      '192.0.2.1',
      '2001:db9:0:0::/64',
    ])
    expect(counted).toEqual(['garbage', 'garbage'])
    expect(lines.map((line) => (JSON.parse(line) as { address: string }).address)).toEqual([
      '192.0.2.1',
      '2001:db9:0:0::/64',
    ])
    await settings.change({ config: configOf('sources: { unlimited: [192.0.2.1] }') })
    expect(sources.isUnlimited('10.1.2.3')).toBe(false)
    expect(sources.penalties.left('192.0.2.1')).toBe(0)
  })
})
