/** What proves a tenant's context to the server. */
export type SealChoice = 'none' | 'stamp' | 'challenge'
