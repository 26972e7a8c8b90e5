/** What a part of a request means, as the reference model sees it. */
export type Meaning =
  /** Nothing of a tenant. */
  | { readonly is: 'nothing' }
  /** A signal that ends the request. */
  | { readonly is: 'bad'; readonly code: 'REQUEST_INVALID' | 'CREDENTIAL_INVALID' }
  /** One tenant, or a name that none has. */
  | {
      readonly is: 'name'
      readonly tenant: string | undefined
      readonly trust: 'verified' | 'asserted'
      readonly fallback?: boolean
      readonly role?: string
    }
  /** Several tenants, each with what the caller is there, and perhaps the one that is meant without a choice. */
  | { readonly is: 'grant'; readonly roles: Readonly<Record<string, string>>; readonly home?: string }

/** Something that may stand in a request, and what it means. */
export interface Signal {
  /** As many values as the header has. */
  readonly values: readonly string[]
  readonly means: Meaning
}

export const nothing: Meaning = { is: 'nothing' }
export const badRequest: Meaning = { is: 'bad', code: 'REQUEST_INVALID' }
export const badCredential: Meaning = { is: 'bad', code: 'CREDENTIAL_INVALID' }
