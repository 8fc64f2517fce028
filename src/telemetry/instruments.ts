import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { OTHER_WORD } from '../lib/bounded-labels.js'

/** Makes the metrics of a node, in a registry of their own; all their names begin with `homeport_`. */
export type Instruments = ReturnType<typeof createInstruments>

export function createInstruments() {
  const registry = new Registry()
  const registers = [registry]
  /** Reads what is not counted as it happens; asked before each exposition. */
  const readers: (() => void)[] = []

  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Counter({ name: `homeport_${name}`, help, labelNames, registers })
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Gauge({ name: `homeport_${name}`, help, labelNames, registers })

  return {
    counter,
    gauge,
    /** @param options.buckets their upper bounds, in seconds */
    histogram: <Label extends string>(
      name: string,
      help: string,
      { buckets, labelNames = [] }: { readonly buckets: readonly number[]; readonly labelNames?: readonly Label[] },
    ) =>
      new Histogram({ name: `homeport_${name}`, help, buckets: [...buckets], labelNames: [...labelNames], registers }),
    /**
     * A counter by a label whose values are known beforehand: each has a zero, so that its first one is an increase.
     */
    counterOf: <Label extends string>(
      name: string,
      help: string,
      { label, values }: { readonly label: Label; readonly values: readonly string[] },
    ) => {
      const made = new Counter({ name: `homeport_${name}`, help, labelNames: [label], registers })
      for (const value of values) made.inc({ [label]: value } as Record<Label, string>, 0)
      return made
    },
    /**
     * A counter by the reasons of the catalogue; any other is counted as `other`. A reason has a series once it was
     * counted: most of a hundred are never met. Those of `zeroed` have theirs from the start.
     */
    countByReason: (
      name: string,
      help: string,
      { known, zeroed = [] }: { readonly known: readonly string[]; readonly zeroed?: readonly string[] },
    ): ((reason: string) => void) => {
      const made = counter(name, help, 'reason')
      for (const reason of zeroed) made.inc({ reason }, 0)
      const knows = new Set(known)
      return (reason) => made.inc({ reason: knows.has(reason) ? reason : OTHER_WORD })
    },
    /** Sets a gauge by one label to these values. */
    setAll: (metric: Gauge, label: string, values: Readonly<Record<string, number>>): void => {
      for (const [value, count] of Object.entries(values)) metric.set({ [label]: value }, count)
    },
    onRead: (read: () => void): void => void readers.push(read),
    /** Metrics of the process and of Node. */
    addDefaults: (): void => {
      collectDefaultMetrics({ register: registry })
      // They go through every socket of the process, and homeport_links and process_open_fds say the same.
      for (const name of ['nodejs_active_handles', 'nodejs_active_requests', 'nodejs_active_resources'])
        for (const each of [name, `${name}_total`]) registry.removeSingleMetric(each)
    },
    /** All metrics in Prometheus' text format. */
    exposition: async () => {
      for (const read of readers) read()
      return { contentType: registry.contentType, text: await registry.metrics() }
    },
    clear: () => registry.clear(),
  }
}
