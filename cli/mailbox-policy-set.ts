import { sectionSet } from './mailbox-section-set.ts'

/** `sotto mailbox policy set KEY VALUE` */
export const run = sectionSet('policy')
