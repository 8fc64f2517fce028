import { basename, dirname, isAbsolute } from 'node:path'
import { Option } from 'commander'
import { CONFIG_PLACES } from '../config/find-config.js'

/** `-c, --config FILE`, of every command that reads the configuration. */
export function configOption(): Option {
  // Narrow terminals have no room for a long path.
  const places = CONFIG_PLACES.map((place) => (isAbsolute(place) ? `${basename(place)} in ${dirname(place)}` : place))
  return new Option(
    '-c, --config <file>',
    `configuration file (default: $HOMEPORT_CONFIG, else the first of ${places.join(', ')})`,
  )
}
