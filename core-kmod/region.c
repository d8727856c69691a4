// SPDX-License-Identifier: GPL-2.0
/*
 * region.c - the descriptors of regions and how they are found by number.
 *
 * They hang in a tree of fixed depth, one page a node, as page tables do: a fault finds its region
 * in three loads, with no lock. Nodes and descriptors are added by cmpxchg and stay until the
 * file goes, when nobody else looks any more.
 */
#include <linux/slab.h>

#include "core.h"

/* Holds nodes of the level below, and at the lowest level descriptors. */
struct dmem_node {
	void *slot[DMEM_NODE_SLOTS];
};

static_assert(sizeof(struct dmem_node) == PAGE_SIZE);

static unsigned int dmem_node_slot(u32 index, unsigned int level)
{
	return index >> (level * DMEM_NODE_BITS) & (DMEM_NODE_SLOTS - 1);
}

/* Put something new where nothing is; says what is there then, or NULL for the new. */
static void *dmem_node_add(void **slot, void *new)
{
	/* Pairs with the dependent loads of dmem_region_find(): what is new is whole. */
	return cmpxchg(slot, NULL, new);
}

/* The descriptor of a region, or NULL where none of its pages was touched yet. */
struct dmem_region *dmem_region_find(struct dmem_vm *vm, u32 index)
{
	struct dmem_node *node = vm->regions;
	unsigned int level = DMEM_NODE_LEVELS - 1;

	for (; node && level; level--)
		node = READ_ONCE(node->slot[dmem_node_slot(index, level)]);
	return node ? READ_ONCE(node->slot[dmem_node_slot(index, 0)]) : NULL;
}

/* The node that has a region's slot, made if need be; NULL without memory for it. */
static struct dmem_node *dmem_region_node(struct dmem_vm *vm, u32 index)
{
	struct dmem_node *node = vm->regions;
	unsigned int level;

	for (level = DMEM_NODE_LEVELS - 1; level; level--) {
		void **slot = &node->slot[dmem_node_slot(index, level)];
		struct dmem_node *below = READ_ONCE(*slot), *old;

		if (!below) {
			below = (struct dmem_node *)get_zeroed_page(GFP_KERNEL);
			if (!below)
				return NULL;
			old = dmem_node_add(slot, below);
			if (old) {
				free_page((unsigned long)below);
				below = old;
			}
		}
		node = below;
	}
	return node;
}

static struct dmem_region *dmem_region_new(struct dmem_vm *vm, u32 index)
{
	struct dmem_region *region = kzalloc(sizeof(*region), GFP_KERNEL);

	if (!region)
		return NULL;
	region->words = (u64 *)get_zeroed_page(GFP_KERNEL);
	if (!region->words) {
		kfree(region);
		return NULL;
	}
	region->vm = vm;
	region->ident.index = index;
	spin_lock_init(&region->lock);
	init_waitqueue_head(&region->wait);
	region->list = DMEM_LIST_NONE;
	region->advice = DMEM_ORDER_DEFAULT;
	return region;
}

static void dmem_region_free(struct dmem_region *region)
{
	free_page((unsigned long)region->words);
	kfree(region);
}

/* The descriptor of a region, made if need be; NULL without memory for it. May sleep. */
struct dmem_region *dmem_region_make(struct dmem_vm *vm, u32 index)
{
	struct dmem_node *node = dmem_region_node(vm, index);
	struct dmem_region *region, *old;

	if (!node)
		return NULL;
	region = dmem_region_new(vm, index);
	if (!region)
		return NULL;
	old = dmem_node_add(&node->slot[dmem_node_slot(index, 0)], region);
	if (old) {
		dmem_region_free(region);
		return old;
	}
	dmem_stat_add(vm, DMEM_STAT_REGIONS, 1);
	return region;
}

/**
 * dmem_region_next - walk over the regions there are
 * @vm: VM memory
 * @index: where to begin; the region's own number where one is found
 * @last: where to end, inclusive
 *
 * Return: the first region from *@index on, NULL when there is none up to @last.
 */
struct dmem_region *dmem_region_next(struct dmem_vm *vm, u64 *index, u64 last)
{
	last = min_t(u64, last, DMEM_REGIONS_MAX - 1);
	while (*index <= last) {
		struct dmem_node *node = vm->regions;
		unsigned int level = DMEM_NODE_LEVELS - 1;
		void *below;

		for (;; level--) {
			below = READ_ONCE(node->slot[dmem_node_slot(*index, level)]);
			if (!below || !level)
				break;
			node = below;
		}
		if (below)
			return below;
		/* Nothing is below this slot: on to the next of its level. */
		*index = ((*index >> (level * DMEM_NODE_BITS)) + 1) << (level * DMEM_NODE_BITS);
	}
	return NULL;
}

int dmem_regions_init(struct dmem_vm *vm)
{
	vm->regions = (struct dmem_node *)get_zeroed_page(GFP_KERNEL);
	return vm->regions ? 0 : -ENOMEM;
}

static void dmem_node_free(struct dmem_node *node, unsigned int level)
{
	unsigned int i;

	for (i = 0; level && i < DMEM_NODE_SLOTS; i++)
		if (node->slot[i])
			dmem_node_free(node->slot[i], level - 1);
	free_page((unsigned long)node);
}

/* Frees what the regions hold, here and with the donor, and them; no request is under way. */
void dmem_regions_exit(struct dmem_vm *vm)
{
	struct dmem_region *region;
	u64 index;

	for (index = 0; (region = dmem_region_next(vm, &index, U64_MAX)); index++) {
		unsigned int i;

		for (i = 0; i < DMEM_REGION_PAGES; i++)
			if (dmem_word_page(region->words[i]))
				put_page(dmem_word_page(region->words[i]));
		vm->pool->donor.transport->forget(region);
		dmem_region_free(region);
	}
	dmem_node_free(vm->regions, DMEM_NODE_LEVELS - 1);
}
