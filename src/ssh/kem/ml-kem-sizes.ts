/** Of ML-KEM-768, in bytes (FIPS 203 §8). */
export const ML_KEM_768_SIZES = { publicKeyLength: 1184, ciphertextLength: 1088 } as const
