import * as z from 'zod'
import { list, section } from './section.js'
import { network, text } from './scalars.js'

/** The lists by their names in ssh_config(5), and the set that they are changes of. */
const keys = () => ({
  set: text().optional(),
  'kex-algorithms': text().optional(),
  'host-key-algorithms': text().optional(),
  'pubkey-accepted-algorithms': text().optional(),
  ciphers: text().optional(),
  macs: text().optional(),
  compression: text().optional(),
})

/** A set of algorithms under a name of its own. */
export function algorithmSetSection() {
  return section(keys())
}

/** Algorithms of SSH: the name of a set alone, or with changes. `algorithm-faults.ts` looks into the texts. */
export function algorithmsSection() {
  return z.preprocess((value) => (typeof value === 'string' ? { set: value } : value), section(keys()))
}

/** Algorithms for whoever calls from some networks. */
export function algorithmsBySourceSection() {
  return section({ from: list(network()), ...keys() })
}
