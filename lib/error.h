/* SPDX-License-Identifier: GPL-2.0 */
/*
 * error.h - how libdmem says what went wrong: a negative errno for the program and a sentence
 * for its user, which names what, where and why.
 */
#ifndef DMEM_ERROR_H
#define DMEM_ERROR_H

struct dmem_error {
	char text[512];
};

/**
 * dmem_fail - write down why
 * @error: takes the sentence
 * @err: errno of it, positive or negative
 * @format: as printf
 *
 * Return: -|err|, for the caller to return.
 */
int dmem_fail(struct dmem_error *error, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* DMEM_ERROR_H */
