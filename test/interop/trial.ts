/** What is tried with each peer, in the order of the columns of the table, with what the column says. */
export const TRIALS = {
  password: 'password',
  'keyboard-interactive': 'keyboard-interactive',
  rsa: 'RSA key',
  ecdsa: 'ECDSA key',
  ed25519: 'Ed25519 key',
  certificate: 'certificate',
  agent: 'agent',
  bulk: '3 MB both ways',
  'rekey-by-peer': 're-key by it',
  'rekey-by-bridge': 're-key by the bridge',
  idle: 'idle',
  channels: 'five channels',
  close: 'close',
  abrupt: 'abrupt end',
  left: 'nothing left',
} as const

export type Trial = keyof typeof TRIALS

/** Trials that are a login by one method. */
export const LOGINS = [
  'password',
  'keyboard-interactive',
  'rsa',
  'ecdsa',
  'ed25519',
  'certificate',
  'agent',
] as const satisfies readonly Trial[]

export type LoginTrial = (typeof LOGINS)[number]

/** Why a peer does not do what is tried with each. */
export type Reasons = Readonly<Partial<Record<Trial, string>>>

/** What is known of a peer before anything is tried. */
export interface Peer {
  readonly name: string
  readonly version: () => Promise<string>
  /** What it cannot do; tried all the same, and a fault of the description where it works. */
  readonly cannot?: Reasons
  /** What cannot be tried, because the program has no way to ask it for that. */
  readonly without?: Reasons
}

/** How one trial with one peer went. */
export interface Outcome {
  readonly trial: Trial
  /** `untried` is what the peer is without. */
  readonly went: 'well' | 'wrong' | 'untried'
  /** What went wrong. */
  readonly fault?: string
  readonly seconds: number
}

export interface PeerOutcomes {
  readonly peer: Peer
  readonly version: string
  readonly outcomes: readonly Outcome[]
}

/** Where the run is not what the descriptions of the peers say: a sentence each. */
export function surprisesOf({ peer, outcomes }: PeerOutcomes): readonly string[] {
  return outcomes.flatMap(({ trial, went, fault }) => {
    const known = peer.cannot?.[trial]
    if (went === 'wrong' && known === undefined) return [`${peer.name}, ${TRIALS[trial]}: ${fault ?? 'failed'}`]
    if (went === 'well' && known !== undefined)
      return [`${peer.name}, ${TRIALS[trial]}: works, although it is said that ${known}`]
    return []
  })
}

/** Characters of what went wrong; who wants more runs that one peer. */
const LONGEST_FAULT = 800

/** Tries one thing after the other; what a peer is without is left out. */
export async function tryEach(
  peer: Peer,
  trials: readonly (readonly [Trial, () => Promise<void>])[],
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  for (const [trial, attempt] of trials) {
    if (peer.without?.[trial] !== undefined) outcomes.push({ trial, went: 'untried', seconds: 0 })
    else {
      const begun = performance.now()
      const fault = await attempt().then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error.message : String(error)).slice(0, LONGEST_FAULT),
      )
      const seconds = (performance.now() - begun) / 1000
      outcomes.push(fault === undefined ? { trial, went: 'well', seconds } : { trial, went: 'wrong', fault, seconds })
    }
  }
  return outcomes
}
