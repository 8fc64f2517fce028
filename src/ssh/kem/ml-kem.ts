import type { Kem } from './kem.js'
import { nativeMlKem768 } from './native-ml-kem.js'

/** Node's own; the library is loaded only where there is none. */
export const mlKem768: Kem = nativeMlKem768() ?? (await import('./noble-ml-kem.js')).nobleMlKem768
