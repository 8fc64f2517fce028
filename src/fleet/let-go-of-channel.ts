import type { DeviceChannel } from './link.js'

/** Closes a channel that nobody wants any more: its close is told only once everything was read. */
export function letGoOfChannel({ stream, standardError, close }: DeviceChannel): void {
  stream.on('error', () => undefined)
  stream.resume()
  standardError.resume()
  close()
}
