export { DEFAULT_LIMITS } from './limits.ts'
export { MailboxService } from './service.ts'
export type { MailboxLimits } from './limits.ts'
export type { MailboxServiceInit, MailboxServiceStatus } from './service.ts'
