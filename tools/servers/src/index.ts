export { type Chromium, findChromium, startChromium, type Tab } from './chromium/start-chromium.ts'
export { dockerEngine } from './docker-engine.ts'
export {
  atEveryMessage,
  type EveryMessageOptions,
  type MessagePlace,
  type Replay,
} from './fault-proxy/at-every-message.ts'
export type { ActiveRule, Fault, FaultRule, SeenMessage } from './fault-proxy/fault-rules.ts'
export type { BackendMessage, Direction, FrontendMessage } from './fault-proxy/message-names.ts'
export { startDyingWay } from './fault-proxy/start-dying-way.ts'
export {
  type FaultProxy,
  type FaultProxyOptions,
  type ProxyTarget,
  startFaultProxy,
} from './fault-proxy/start-fault-proxy.ts'
export type { MongoKind, MongoSource } from './mongo/mongo-source.ts'
export { type MongoServer, type StartMongoOptions, startMongo } from './mongo/start-mongo.ts'
export { type ContainedOpenbao, containOpenbao } from './openbao/contain-openbao.ts'
export { type OpenidProvider, type OpenidProviderOptions, startOpenidProvider } from './openid/start-openid-provider.ts'
export { connectPgBouncer, type PgBouncerConnection, type PgBouncerDescriptor } from './pgbouncer/connect-pgbouncer.ts'
export { findPgBouncer, type PgBouncerMissing, type PgBouncerProgram } from './pgbouncer/find-pgbouncer.ts'
export { type PgBouncer, type StartPgBouncerOptions, startPgBouncer } from './pgbouncer/start-pgbouncer.ts'
export { connectPostgres, type FreshDatabase, type PostgresConnection } from './postgres/connect-postgres.ts'
export { debianPostgres } from './postgres/debian-postgres.ts'
export type { PostgresDescriptor, PostgresRole } from './postgres/postgres-descriptor.ts'
export type { PostgresSource } from './postgres/postgres-source.ts'
export { withClient } from './postgres/sql.ts'
export { type PostgresServer, type StartPostgresOptions, startPostgres } from './postgres/start-postgres.ts'
export { findRedis, type RedisMissing, type RedisSource } from './redis/find-redis.ts'
export { type RedisServer, type StartRedisOptions, startRedis } from './redis/start-redis.ts'
