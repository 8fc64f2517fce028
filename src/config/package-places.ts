/** Where the package keeps the configuration, and what the bridge of its unit keeps. */
export const PACKAGE_DIRECTORY = '/etc/homeport'
export const PACKAGE_CONFIG = `${PACKAGE_DIRECTORY}/homeport.yaml`
export const PACKAGE_DATA_DIR = '/var/lib/homeport'
