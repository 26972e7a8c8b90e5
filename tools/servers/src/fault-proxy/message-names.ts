/** Messages of a client after its first one, by type byte (PostgreSQL 18, "Message Formats"). */
const frontendTypes = {
  B: 'Bind',
  C: 'Close',
  d: 'CopyData',
  c: 'CopyDone',
  f: 'CopyFail',
  D: 'Describe',
  E: 'Execute',
  H: 'Flush',
  F: 'FunctionCall',
  P: 'Parse',
  // Four messages of authentication share the byte.
  p: 'Password',
  Q: 'Query',
  S: 'Sync',
  X: 'Terminate',
} as const

const backendTypes = {
  R: 'Authentication',
  K: 'BackendKeyData',
  '2': 'BindComplete',
  '3': 'CloseComplete',
  C: 'CommandComplete',
  d: 'CopyData',
  c: 'CopyDone',
  G: 'CopyInResponse',
  H: 'CopyOutResponse',
  W: 'CopyBothResponse',
  D: 'DataRow',
  I: 'EmptyQueryResponse',
  E: 'ErrorResponse',
  V: 'FunctionCallResponse',
  v: 'NegotiateProtocolVersion',
  n: 'NoData',
  N: 'NoticeResponse',
  A: 'NotificationResponse',
  t: 'ParameterDescription',
  S: 'ParameterStatus',
  '1': 'ParseComplete',
  s: 'PortalSuspended',
  Z: 'ReadyForQuery',
  T: 'RowDescription',
} as const

/** First messages of a client, which have a code and no type byte; any other code is a protocol version. */
const startupCodes = new Map<number, StartupName>([
  [80877102, 'CancelRequest'],
  [80877103, 'SSLRequest'],
  [80877104, 'GSSENCRequest'],
])

type StartupName = 'StartupMessage' | 'CancelRequest' | 'SSLRequest' | 'GSSENCRequest'

/** Bytes that are not, or no longer, messages of the protocol: encrypted, of an unknown type, or cut off by the sender. */
type Raw = 'Raw'

export type FrontendMessage = (typeof frontendTypes)[keyof typeof frontendTypes] | StartupName | Raw
export type BackendMessage =
  | (typeof backendTypes)[keyof typeof backendTypes]
  /** The one byte that answers SSLRequest and GSSENCRequest. */
  | 'EncryptionAnswer'
  | Raw

/** Who sends: the client, or the server. */
export type Direction = 'frontend' | 'backend'
export type MessageName = FrontendMessage | BackendMessage

const typed = {
  frontend: new Map<string, FrontendMessage>(Object.entries(frontendTypes)),
  backend: new Map<string, BackendMessage>(Object.entries(backendTypes)),
}

export const typedName = (direction: Direction, type: number): MessageName | undefined =>
  typed[direction].get(String.fromCharCode(type))
export const startupName = (code: number): StartupName => startupCodes.get(code) ?? 'StartupMessage'
