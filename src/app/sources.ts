import type { Config } from '../config/schema.js'
import { sourceList } from '../net/network-list.js'
import { createPenalties, type Penalties, type PenaltyRules } from '../net/penalties.js'
import type { Live } from '../lib/live-value.js'
import { createRateLimit } from '../lib/rate-limit.js'
import type { Log } from '../telemetry/log.js'
import type { ClientMetrics } from '../telemetry/metrics.js'

/** What is known of sources, on all ports: who has no share of its own, and who is kept out. */
export interface Sources {
  readonly isUnlimited: (network: string) => boolean
  readonly penalties: Pick<Penalties, 'left' | 'punish'>
}

type SourcesConfig = Config['sources']

export function createSources(
  settings: Live<{ readonly config: { readonly sources: SourcesConfig } }>,
  log: Log,
  metrics: Pick<ClientMetrics, 'sourcePenalised'>,
): Sources {
  const initial = settings.current.config.sources
  let unlimited = sourceList(initial.unlimited)
  const isUnlimited = (network: string): boolean => unlimited(network)
  const penalties = createPenalties(rulesOf(initial, isUnlimited))
  settings.onChange(
    ({ config }) => config.sources,
    (next) => {
      unlimited = sourceList(next.unlimited)
      penalties.configure(rulesOf(next, isUnlimited))
    },
  )
  const mayTell = createRateLimit(LINES)
  return {
    isUnlimited,
    penalties: {
      left: (network) => penalties.left(network),
      punish: (network, offence) => {
        const keptOut = penalties.punish(network, offence)
        if (keptOut === undefined) return undefined
        metrics.sourcePenalised(offence)
        const seconds = Math.ceil(keptOut / 1000)
        if (mayTell('penalised', network) !== undefined)
          log.warn({ address: network, offence, seconds, hint: HINT }, 'source penalised: it is kept out for a while')
        return keptOut
      },
    },
  }
}

const HINT = 'if these are devices or clients of yours, name the address in sources.penalties.exempt'
/** Lines that tell of penalties: of one source, and of all. */
const LINES = { each: 1, all: 20, interval: 10_000 }

/** Whoever has no share is not kept out either. */
function rulesOf({ penalties }: SourcesConfig, isUnlimited: (network: string) => boolean): PenaltyRules {
  const { garbage, timeout, unfinished, failedLogin, exempt, ...rest } = penalties
  const exempted = sourceList(exempt)
  return {
    ...rest,
    costs: { garbage, timeout, unfinished, 'failed-login': failedLogin },
    // Where a connection came from that was gone before it was looked at, nobody knows.
    isExempt: (network) => network === '' || isUnlimited(network) || exempted(network),
  }
}
