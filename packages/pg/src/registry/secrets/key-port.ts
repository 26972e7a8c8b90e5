/** What a ciphertext belongs to: it is good for nothing elsewhere. */
export interface SecretContext {
  readonly tenant: string
  readonly name: string
}

/** What secrets are encrypted with: the port that key stores fill in. */
export interface KeyPort {
  encrypt(plaintext: Uint8Array, context: SecretContext): Promise<Uint8Array>
  /** @throws when it was not encrypted with this key for this context. The error must hold nothing of the secret or the key. */
  decrypt(ciphertext: Uint8Array, context: SecretContext): Promise<Uint8Array>
}
