import { atNextStart } from './restart-mark.js'
import { deviceSelector, duration, integer, oneOf, path, size, text } from './scalars.js'
import { list, section } from './section.js'

/** Who did what: one line for each session and each RPC, and sessions in full. */
export function auditSection(directory: string) {
  return section({
    file: atNextStart(path(directory).optional()),
    'max-size': size('1KiB').default(64 * 1024 * 1024),
    'max-files': integer(0, 10_000).default(10),
    'flush-interval': duration('1ms', '500ms').default(250),
    'max-waiting': size('64KiB', '1GiB').default(16 * 1024 * 1024),
    'when-full': oneOf('refuse', 'continue').default('refuse'),
    keep: duration('1h', '3650d').default(90 * 86_400_000),
    'max-rows': integer(1000, 100_000_000).default(1_000_000),
    'max-read-lines-per-user': integer(0, 100_000_000).default(10_000),
    full: section({
      users: list(text()),
      devices: list(deviceSelector()),
      directory: path(directory).optional(),
      'max-size-per-session': size('64KiB').default(64 * 1024 * 1024),
      'max-size': size('1MiB').default(1024 * 1024 * 1024),
      'max-message-size': size('4KiB', '64MiB').default(1024 * 1024),
      redact: list(text()),
    }).prefault({}),
  })
}
