import { sectionSet } from './mailbox-section-set.ts'

/** `sotto mailbox quota set KEY VALUE` */
export const run = sectionSet('quota')
