import { memberChange } from './mailbox-member-change.ts'

/** `sotto mailbox member wipe ID` */
export const run = memberChange('wipe')
