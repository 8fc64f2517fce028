import { duration, integer, network } from './scalars.js'
import { list, section } from './section.js'

/**
 * Sources that are treated apart, and how those that misbehave before they have proven who they are are kept out for a
 * while.
 */
export function sourcesSection() {
  return section({
    unlimited: list(network()),
    penalties: section({
      exempt: list(network()).prefault(['127.0.0.0/8', '::1']),
      garbage: duration('0s', '1h').default(10_000),
      timeout: duration('0s', '1h').default(10_000),
      unfinished: duration('0s', '1h').default(1_000),
      'failed-login': duration('0s', '1h').default(1_000),
      minimum: duration('0s', '1h').default(15_000),
      maximum: duration('1s').default(600_000),
      'max-tracked': integer(1, 10_000_000).default(65_536),
    }).prefault({}),
  })
}
