import { type BootedDebian } from '../../e2e/parts/booted-debian.js'
import { waitFor } from '../../e2e/parts/wait-for.js'

/** The service `homeport` of a booted Debian, as systemd and its journal tell of it. */
export type Service = {
  readonly property: (name: string) => Promise<string>
  /** Waits until a property of the unit has this value. */
  readonly became: (name: string, value: string) => Promise<unknown>
  /** What the unit wrote into the journal, with what systemd wrote about it. */
  readonly journal: () => Promise<readonly string[]>
  /**
   * How many lines the journal of the unit has. They are counted here because `--after-cursor` of systemd 252, where
   * the entry of the cursor is another unit's, leaves out the first entry behind it.
   */
  readonly linesSoFar: () => Promise<number>
  /** Waits for a line in the journal of the unit, of those after the first `seen`. */
  readonly logged: (pattern: RegExp, seen: number) => Promise<unknown>
}

/** How long anything of a service may take on a busy machine, in milliseconds. */
const PATIENCE = 60_000

export function serviceOf(debian: BootedDebian): Service {
  const property = (name: string): Promise<string> => debian.must(`systemctl show --value -p ${name} homeport`)
  const journal = async (): Promise<readonly string[]> =>
    (await debian.must('journalctl --sync; journalctl -u homeport -o cat')).split('\n')
  return {
    property,
    became: (name, value) =>
      waitFor(`${name} of the unit to be ${value}`, async () => (await property(name)) === value, PATIENCE),
    journal,
    linesSoFar: async () => (await journal()).length,
    logged: (pattern, seen) =>
      waitFor(
        `the journal to say ${pattern}`,
        async () => (await journal()).slice(seen).some((line) => pattern.test(line)),
        PATIENCE,
      ),
  }
}
