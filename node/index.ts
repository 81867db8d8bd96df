export { createBackup, restoreBackup, verifyBackup } from './backup.ts'
export { createNode, createProfile, profileExists } from './create-node.ts'
export { profileFolder } from './profile-folder.ts'
export { profileProtection, protectProfile } from './protect.ts'
export { chat } from './chat.ts'
export { SottoError } from './errors.ts'
export { directory } from '../net/platform/dht.ts'
export type * from './api.ts'
export type {
  BackupSummary,
  CreateBackupOptions,
  RestoreBackupOptions,
  VerifyBackupOptions,
} from './backup.ts'
export type { AgeKey, AgeSeal } from '../net/platform/age-file.ts'
export type { Chat, ChatComponents, ChatInit } from './chat.ts'
export type { SottoErrorCode, SottoErrorOptions } from './errors.ts'
export type { Clock, PeerName, Timer } from '../net/ports.ts'
export type { RandomBytes } from '../protocol/bytes.ts'
