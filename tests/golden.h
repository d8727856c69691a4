/* SPDX-License-Identifier: GPL-2.0 */
/*
 * golden.h - texts that are kept in tests/unit/golden and compared with what is made now.
 *
 * `make golden` (GOLDEN_WRITE set) writes them anew: look at what git says has changed before it
 * is committed. A text that differs is in out/golden. Included after cmocka.h.
 */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define GOLDEN		"tests/unit/golden"
#define GOLDEN_FAILED	"out/golden"
#define GOLDEN_BYTES	(1 << 17)

static bool golden_is_written(void)
{
	return getenv("GOLDEN_WRITE");
}

static void golden_write(const char *folder, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	mkdir(folder, 0755);
	file = fopen(path, "we");
	if (!file || fputs(text, file) < 0 || fclose(file))
		fail_msg("%s cannot be written", path);
}

static char *golden_read(const char *name)
{
	char path[256], *text = calloc(1, GOLDEN_BYTES);
	FILE *file;

	snprintf(path, sizeof(path), GOLDEN "/%s", name);
	file = fopen(path, "re");
	if (!file || !text)
		fail_msg("%s is not there: make golden", path);
	if (fread(text, 1, GOLDEN_BYTES - 1, file) == 0)
		fail_msg("%s is empty", path);
	fclose(file);
	return text;
}

/* Fails the test where @text is not the one that is kept as @name. */
static void golden_expect(const char *name, const char *text)
{
	char *kept;
	bool same;

	if (golden_is_written()) {
		golden_write(GOLDEN, name, text);
		return;
	}
	kept = golden_read(name);
	same = !strcmp(text, kept);
	free(kept);
	if (same)
		return;
	golden_write(GOLDEN_FAILED, name, text);
	fail_msg("diff " GOLDEN "/%s " GOLDEN_FAILED "/%s", name, name);
}

#endif /* TESTS_GOLDEN_H */
