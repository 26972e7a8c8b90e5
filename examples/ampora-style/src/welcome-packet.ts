/** What a tenant's first administrator is sent (A41). */
export interface WelcomePacket {
  readonly company: string
  readonly url: string
  /** Their name at the OpenID provider. */
  readonly login: string
  readonly manual: string
  /** Connects one agent, once. */
  readonly token: string
}

/** As a letter. It holds a secret: send it to whom it is for. */
export function welcomeLetter({ company, url, login, manual, token }: WelcomePacket): string {
  return [
    `Welcome to Ampora, ${company}.`,
    '',
    `  Sign in      ${url}`,
    `  As           ${login}, at your OpenID provider`,
    `  Manual       ${manual}`,
    `  First agent  ampora-agent enrol --token ${token}`,
    '',
    'The token connects one agent and is good for 24 hours. You make more yourself: POST /api/tokens.',
  ].join('\n')
}
