import type { ConfigFile } from './bridge.js'
import type { OtlpReceiver, ReceivedSpan } from './otlp-receiver.js'

/** What a bridge shows its collector, and nobody else may see. */
export const collectorKey = 'key-of-the-collector'

/** The section of a bridge that sends its traces to a receiver. */
export function tracesTo({ url }: Pick<OtlpReceiver, 'url'>, more: ConfigFile = {}): ConfigFile {
  return { traces: { endpoint: url, headers: { 'X-Collector-Key': collectorKey }, ...more } }
}

/** Whether a span is that of the call with this `X-Request-Id`. */
export function called(id: string): (span: ReceivedSpan) => boolean {
  return ({ attributes }) => attributes['homeport.request.id'] === id
}
