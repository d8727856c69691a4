// SPDX-License-Identifier: GPL-2.0
/* utf8.c - where characters end. */
#include "utf8.h"

#define REPLACEMENT	"\xef\xbf\xbd"

_Static_assert(sizeof(REPLACEMENT) - 1 <= DMEM_UTF8_GROWTH, "a byte becomes more than it may");

/* Length of the character at @at; 0 where there is none. */
static size_t char_len(const unsigned char *at)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (at[0] < 0x80)
		return 1;
	if (at[0] < 0xc2 || at[0] > 0xf4)
		return 0;
	len = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	/* No longer form than needed, no surrogates, nothing above U+10FFFF. */
	if (at[0] == 0xe0)
		low = 0xa0;
	else if (at[0] == 0xed)
		high = 0x9f;
	else if (at[0] == 0xf0)
		low = 0x90;
	else if (at[0] == 0xf4)
		high = 0x8f;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (at[i] < 0x80 || at[i] > 0xbf)
			return 0;
	return len;
}

const char *dmem_utf8_take(const char **text, size_t *len)
{
	const char *at = *text;

	*len = char_len((const unsigned char *)at);
	*text += *len ? *len : 1;
	if (*len)
		return at;
	*len = sizeof(REPLACEMENT) - 1;
	return REPLACEMENT;
}
