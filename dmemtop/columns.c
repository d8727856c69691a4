// SPDX-License-Identifier: GPL-2.0
/* columns.c - the columns of the table of VMs. */
#include "columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "units.h"

const struct top_key top_sort_keys[TOP_SORTS] = {
	[TOP_BY_NAME] = { "name", "of its file when it was made", true },
	[TOP_BY_SIZE] = { "size", "of the VM memory", false },
	[TOP_BY_DIRECT] = { "direct", "memory held here / its direct limit", false },
	[TOP_BY_LIMIT] = { "limit", "most memory of it that is held here", false },
	[TOP_BY_REMOTE] = { "remote", "memory held by donors alone", false },
	[TOP_BY_FAULTS] = { "faults", "accesses that found no local page", false },
	[TOP_BY_SOFT] = { "soft", "accesses that found it local, not mapped", false },
	[TOP_BY_FETCHED] = { "fetched", "bytes that came from donors", false },
	[TOP_BY_P50] = { "p50", "fetch latency: half take longer", false },
	[TOP_BY_P99] = { "p99", "fetch latency: one in 100 takes longer", false },
	[TOP_BY_STALL] = { "stall", "waiting for fetches; 100% is one vCPU's time", false },
	[TOP_BY_HIT] = { "hit", "accesses the core saw that found the page here", false },
	[TOP_BY_ORDER] = { "order", "block order of most fetches: 2^order pages", false },
	[TOP_BY_ACCURACY] = { "accuracy", "prefetched pages that were then used", false },
	[TOP_BY_EVICTED] = { "evicted", "pages that left this host", false },
	[TOP_BY_WRITTEN] = { "written", "pages written to donors", false },
	[TOP_BY_KVM] = { "kvm", "second-level misses of the guest", false },
	[TOP_BY_ID] = { "id", "inode number, key of the maps", true },
};

int top_find_sort(const char *name)
{
	for (int i = 0; i < TOP_SORTS; i++)
		if (!strcmp(top_sort_keys[i].name, name))
			return i;
	return -1;
}

/* Where there are no rates yet, the counts are what the table shows. */
static double count_of(const struct top_vm *vm, enum top_count count)
{
	return vm->per_s[count] < 0 ? (double)top_count_of(&vm->span, count) : vm->per_s[count];
}

double top_sort_value(const struct top_vm *vm, enum top_sort sort)
{
	switch (sort) {
	case TOP_BY_SIZE: return (double)vm->value.size_bytes;
	case TOP_BY_DIRECT: return (double)vm->value.direct_bytes;
	case TOP_BY_LIMIT: return (double)vm->value.direct_limit_bytes;
	case TOP_BY_REMOTE: return (double)vm->value.remote_bytes;
	case TOP_BY_FAULTS: return count_of(vm, TOP_FAULTS);
	case TOP_BY_SOFT: return count_of(vm, TOP_SOFT_FAULTS);
	case TOP_BY_FETCHED: return count_of(vm, TOP_FETCHED_PAGES) * TOP_PAGE_BYTES;
	case TOP_BY_P50: return vm->fetch_p50_ns;
	case TOP_BY_P99: return vm->fetch_p99_ns;
	case TOP_BY_STALL: return vm->stall_share;
	case TOP_BY_HIT: return vm->hit_share;
	case TOP_BY_ORDER: return vm->order;
	case TOP_BY_ACCURACY: return vm->prefetch_accuracy;
	case TOP_BY_EVICTED: return count_of(vm, TOP_EVICTED_PAGES);
	case TOP_BY_WRITTEN: return count_of(vm, TOP_WRITEBACK_PAGES);
	case TOP_BY_KVM: return count_of(vm, TOP_KVM_FAULTS);
	case TOP_BY_ID: return vm->id;
	default: return 0;
	}
}

struct order {
	enum top_sort sort;
	bool goes_up;
};

/* In a first sample nobody knows of stalls; who has waited most in all is as good a guess. */
static double order_of(const struct top_vm *vm, enum top_sort sort)
{
	if (sort == TOP_BY_STALL && vm->stall_share < 0)
		return (double)vm->span.fetch_ns;
	return top_sort_value(vm, sort);
}

/* What is equal stays in one order from frame to frame, or lines would jump. */
static int compare_vms(const void *a, const void *b, void *data)
{
	const struct top_vm *one = a, *two = b;
	const struct order *order = data;
	double first = order_of(one, order->sort), second = order_of(two, order->sort);
	int names = strcmp(one->value.name, two->value.name);

	if (first != second)
		return (first < second) == order->goes_up ? -1 : 1;
	if (names)
		return order->sort == TOP_BY_NAME && !order->goes_up ? -names : names;
	return one->id < two->id ? -1 : one->id > two->id;
}

void top_sort_vms(struct top_model *model, enum top_sort sort, bool inverted)
{
	struct order order = { .sort = sort, .goes_up = top_sort_keys[sort].goes_up != inverted };

	if (model->nr_vms)
		qsort_r(model->vms, model->nr_vms, sizeof(*model->vms), compare_vms, &order);
}

/*
 * Figures as text
 */

/* Three digits and a binary unit: "1.50G", "512M". */
void top_text_bytes(char *buf, size_t len, double bytes)
{
	static const char units[] = "BKMGTPE";
	size_t unit = 0;

	if (bytes < 0) {
		snprintf(buf, len, "-");
		return;
	}
	for (; bytes >= 999.5 && unit < sizeof(units) - 2; unit++)
		bytes /= 1024;
	if (!unit)
		snprintf(buf, len, "%.0fB", bytes);
	else
		snprintf(buf, len, "%.*f%c", bytes < 9.995 ? 2 : bytes < 99.95 ? 1 : 0, bytes,
			 units[unit]);
}

void top_text_rate(char *buf, size_t len, double per_s)
{
	if (per_s < 0)
		snprintf(buf, len, "-");
	else if (per_s > 0 && per_s < 9.95)
		/* Where dmem_format_count() would round it to one digit. */
		snprintf(buf, len, "%.1f", per_s);
	else
		dmem_format_count(buf, len, (__u64)(per_s + 0.5));
}

/* Three digits and a unit without a blank: it is to fit a column. */
void top_text_ns(char *buf, size_t len, double ns)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	size_t unit = 0;

	if (ns < 0) {
		snprintf(buf, len, "-");
		return;
	}
	for (; ns >= 999.5 && unit < 3; unit++)
		ns /= 1000;
	snprintf(buf, len, "%.*f%s", unit && ns < 9.995 ? 2 : unit && ns < 99.95 ? 1 : 0, ns,
		 units[unit]);
}

void top_text_share(char *buf, size_t len, double share)
{
	if (share < 0)
		snprintf(buf, len, "-");
	else
		snprintf(buf, len, share > 0 && share < 0.0995 ? "%.1f%%" : "%.0f%%", share * 100);
}

const char *top_vm_name(const struct top_vm *vm)
{
	/* A VM memory whose making was not seen. */
	return *vm->value.name ? vm->value.name : "(no name)";
}

const char *top_donor_state(const struct top_donor *donor)
{
	static const char *const states[TOP_DONOR_STATES] = { "-", "up" };

	return donor && donor->state < TOP_DONOR_STATES ? states[donor->state] : "-";
}

/*
 * Fields
 */

static void name_text(const void *row, char *buf, size_t len)
{
	snprintf(buf, len, "%s", top_vm_name(row));
}

static void direct_text(const void *row, char *buf, size_t len)
{
	const struct top_vm *vm = row;
	char direct[DMEM_UNITS_LEN], limit[DMEM_UNITS_LEN];

	top_text_bytes(direct, sizeof(direct), (double)vm->value.direct_bytes);
	top_text_bytes(limit, sizeof(limit), (double)vm->value.direct_limit_bytes);
	snprintf(buf, len, "%s/%s", direct, limit);
}

static void order_text(const void *row, char *buf, size_t len)
{
	const struct top_vm *vm = row;

	if (vm->order < 0)
		snprintf(buf, len, "-");
	else
		snprintf(buf, len, "%d", vm->order);
}

static void donor_text(const void *row, char *buf, size_t len)
{
	snprintf(buf, len, "%s", top_donor_state(((const struct top_vm *)row)->donor));
}

static void id_text(const void *row, char *buf, size_t len)
{
	snprintf(buf, len, "%u", ((const struct top_vm *)row)->id);
}

#define FIELD(function, sort, format) \
	static void function(const void *row, char *buf, size_t len) \
	{ \
		format(buf, len, top_sort_value(row, sort)); \
	}

FIELD(size_text, TOP_BY_SIZE, top_text_bytes)
FIELD(remote_text, TOP_BY_REMOTE, top_text_bytes)
FIELD(faults_text, TOP_BY_FAULTS, top_text_rate)
FIELD(soft_text, TOP_BY_SOFT, top_text_rate)
FIELD(fetched_text, TOP_BY_FETCHED, top_text_bytes)
FIELD(p50_text, TOP_BY_P50, top_text_ns)
FIELD(p99_text, TOP_BY_P99, top_text_ns)
FIELD(stall_text, TOP_BY_STALL, top_text_share)
FIELD(hit_text, TOP_BY_HIT, top_text_share)
FIELD(accuracy_text, TOP_BY_ACCURACY, top_text_share)
FIELD(evicted_text, TOP_BY_EVICTED, top_text_rate)
FIELD(written_text, TOP_BY_WRITTEN, top_text_rate)
FIELD(kvm_text, TOP_BY_KVM, top_text_rate)

const struct table_column top_vm_columns[] = {
	{ "NAME", NULL, 8, 0, TOP_BY_NAME, true, name_text },
	{ "ID", NULL, 6, 18, TOP_BY_ID, false, id_text },
	{ "SIZE", NULL, 5, 12, TOP_BY_SIZE, false, size_text },
	{ "DIRECT/LIM", NULL, 11, 5, TOP_BY_DIRECT, false, direct_text },
	{ "REMOTE", NULL, 6, 3, TOP_BY_REMOTE, false, remote_text },
	{ "FAULTS", "FAULT/S", 7, 2, TOP_BY_FAULTS, false, faults_text },
	{ "SOFT", "SOFT/S", 6, 10, TOP_BY_SOFT, false, soft_text },
	{ "FETCHED", "FETCH/S", 7, 6, TOP_BY_FETCHED, false, fetched_text },
	{ "P50", NULL, 6, 9, TOP_BY_P50, false, p50_text },
	{ "P99", NULL, 6, 4, TOP_BY_P99, false, p99_text },
	{ "STALL", NULL, 5, 1, TOP_BY_STALL, false, stall_text },
	{ "HIT", NULL, 4, 7, TOP_BY_HIT, false, hit_text },
	{ "ORD", NULL, 3, 8, TOP_BY_ORDER, false, order_text },
	{ "ACC", NULL, 4, 13, TOP_BY_ACCURACY, false, accuracy_text },
	{ "EVICTED", "EVICT/S", 7, 14, TOP_BY_EVICTED, false, evicted_text },
	{ "WRITTEN", "WRITE/S", 7, 15, TOP_BY_WRITTEN, false, written_text },
	{ "KVM", "KVM/S", 6, 16, TOP_BY_KVM, false, kvm_text },
	{ "DONOR", NULL, 5, 11, TABLE_NO_SORT, false, donor_text },
	{}
};
