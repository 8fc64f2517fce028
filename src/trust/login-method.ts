/** A step by which a device let the bridge in. */
export type LoginMethod = 'certificate' | 'key' | 'password' | 'keyboard-interactive'
