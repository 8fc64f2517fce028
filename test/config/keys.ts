/** Public keys of key pairs that were thrown away. */
export const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIENGzt/T/SvmKDOqDPBnWW05b9kwDKxpaiTznjgKRS/K router1'
export const OTHER_ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM5hhC2RpCl37tEaCqW2Q59+OFr8xgY3+LJgA5rJlxcz'
