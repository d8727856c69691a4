// SPDX-License-Identifier: GPL-2.0
/* mode.c - the names of the tuner's modes, for the command lines of the tuner and of a replay. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"

static const char *const names[] = {
	[TUNE_AUTO] = "auto",
	[TUNE_STATIC] = "static",
	[TUNE_BUDDY] = "buddy",
	[TUNE_OFF] = "off",
};

const char *tune_parse_mode(const char *text, struct tune_rule *rule)
{
	char *end;
	long order;

	for (enum tune_mode mode = TUNE_AUTO; mode <= TUNE_OFF; mode++) {
		if (mode == TUNE_STATIC || strcmp(text, names[mode]))
			continue;
		*rule = (struct tune_rule){ .mode = mode };
		return NULL;
	}
	if (strncmp(text, "static:", 7))
		return "not a mode: auto, static:N, buddy or off";
	order = strtol(text + 7, &end, 10);
	if (end == text + 7 || *end || order < 0 || order >= DMEM_MAP_ORDERS)
		return "not an order from 0 to 9";
	*rule = (struct tune_rule){ .mode = TUNE_STATIC, .order = (unsigned int)order };
	return NULL;
}

const char *tune_mode_name(const struct tune_rule *rule, char *buf, size_t len)
{
	if (rule->mode == TUNE_STATIC)
		snprintf(buf, len, "static:%u", rule->order);
	else
		snprintf(buf, len, "%s", names[rule->mode]);
	return buf;
}
