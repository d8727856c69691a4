// SPDX-License-Identifier: GPL-2.0
/* error.c - the sentences of error.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "error.h"

int dmem_fail(struct dmem_error *error, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -abs(err);
}
