import type { ConversionThread } from '../../../../../src/northbound/http/rpc/conversion-service.js'
import { type ConversionRequest, serveConversions } from '../../../../../src/northbound/http/rpc/conversion-thread.js'

/** The thread that converts large XML and JSON, on this one: unit tests have none of the build's. */
export function conversionThreadHere(): ConversionThread {
  const listeners = new Map<string, (value: unknown) => void>()
  let serve: (request: ConversionRequest) => void = () => undefined
  serveConversions({
    on: (_, listener) => (serve = listener),
    postMessage: (outcome) => listeners.get('message')?.(outcome),
  })
  return {
    on: (event, listener) => listeners.set(event, listener),
    postMessage: (request) => void setImmediate(() => serve(request)),
    terminate: async () => undefined,
  }
}
