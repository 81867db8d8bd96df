import { sanitizeLine, sanitizeText } from './sanitize.ts'

/** One message for a person: time, name and text; further lines of the text stand under its first. */
export function conversationLine(name: string, sentAt: string, text: string): string {
  const head = `${clock(sentAt)}  ${sanitizeLine(name, 32)}  `
  const indent = ' '.repeat([...head].length)
  return head + sanitizeText(text).split('\n').join(`\n${indent}`)
}

/** Hours and minutes of today, with the date before that; local time, for people. */
function clock(at: string): string {
  const date = new Date(at)
  const two = (number: number): string => String(number).padStart(2, '0')
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`
  if (date.toDateString() === new Date().toDateString()) return time
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`
}
