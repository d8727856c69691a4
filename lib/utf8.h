/* SPDX-License-Identifier: GPL-2.0 */
/* utf8.h - file names need not be UTF-8; what is told of them must. */
#ifndef DMEM_UTF8_H
#define DMEM_UTF8_H

#include <stddef.h>

/** What a byte may become at most. */
#define DMEM_UTF8_GROWTH	3

/**
 * dmem_utf8_take - the next character of a text
 * @text: has one; moved behind it
 * @len: takes its bytes
 *
 * Return: the character; U+FFFD for a byte that is part of none (RFC 3629, table of section 4).
 */
const char *dmem_utf8_take(const char **text, size_t *len);

#endif /* DMEM_UTF8_H */
