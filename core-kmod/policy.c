// SPDX-License-Identifier: GPL-2.0
/*
 * policy.c - the struct_ops hook: BPF advises a block order, this file clamps nothing and
 * trusts nothing: dmem_fetch_order() does the clamping.
 *
 * One policy at a time; dmem_policy is written under dmem_policy_mutex and read under RCU.
 */
#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/mutex.h>

#include "core.h"

static struct dmem_policy_ops __rcu *dmem_policy;
static DEFINE_MUTEX(dmem_policy_mutex);

/* A glance that spares most faults the question; it may be out of date. */
bool dmem_policy_is_there(void)
{
	return rcu_access_pointer(dmem_policy);
}

/**
 * dmem_policy_order - ask the policy in force
 * @ctx: what it may know
 *
 * Return: its answer as it is, or DMEM_ORDER_DEFAULT without a policy.
 */
u32 dmem_policy_order(struct dmem_fetch_ctx *ctx)
{
	u32 order = DMEM_ORDER_DEFAULT;
	struct dmem_policy_ops *ops;

	rcu_read_lock();
	ops = rcu_dereference(dmem_policy);
	if (ops)
		order = ops->fetch_order(ctx);
	rcu_read_unlock();
	return order;
}

static bool dmem_policy_is_valid_access(int off, int size, enum bpf_access_type type,
					const struct bpf_prog *prog,
					struct bpf_insn_access_aux *info)
{
	return bpf_tracing_btf_ctx_access(off, size, type, prog, info);
}

static const struct bpf_func_proto *
dmem_policy_func_proto(enum bpf_func_id id, const struct bpf_prog *prog)
{
	return bpf_base_func_proto(id, prog);
}

static const struct bpf_verifier_ops dmem_policy_verifier_ops = {
	.get_func_proto = dmem_policy_func_proto,
	.is_valid_access = dmem_policy_is_valid_access,
};

static int dmem_policy_btf_init(struct btf *btf)
{
	return 0;
}

static int dmem_policy_check_member(const struct btf_type *t, const struct btf_member *member,
				    const struct bpf_prog *prog)
{
	return prog->sleepable ? -EINVAL : 0;
}

/* The name is data: copied here, or the verifier would refuse a policy that sets it. */
static int dmem_policy_init_member(const struct btf_type *t, const struct btf_member *member,
				   void *kdata, const void *udata)
{
	const struct dmem_policy_ops *from = udata;
	struct dmem_policy_ops *to = kdata;

	if (__btf_member_bit_offset(t, member) / 8 != offsetof(struct dmem_policy_ops, name))
		return 0;
	strscpy(to->name, from->name, sizeof(to->name));
	return 1;
}

static int dmem_policy_validate(void *kdata)
{
	const struct dmem_policy_ops *ops = kdata;

	return ops->fetch_order ? 0 : -EINVAL;
}

static int dmem_policy_reg(void *kdata, struct bpf_link *link)
{
	struct dmem_policy_ops *ops = kdata;
	int err = 0;

	mutex_lock(&dmem_policy_mutex);
	if (rcu_access_pointer(dmem_policy))
		err = -EBUSY;
	else
		rcu_assign_pointer(dmem_policy, ops);
	mutex_unlock(&dmem_policy_mutex);
	if (!err)
		pr_info("dmem: policy %s attached\n", ops->name);
	return err;
}

static void dmem_policy_unreg(void *kdata, struct bpf_link *link)
{
	struct dmem_policy_ops *ops = kdata;

	mutex_lock(&dmem_policy_mutex);
	RCU_INIT_POINTER(dmem_policy, NULL);
	mutex_unlock(&dmem_policy_mutex);
	/* struct_ops frees the map, and the name with it, once faults have left the program. */
	pr_info("dmem: policy %s detached\n", ops->name);
	synchronize_rcu();
}

static u32 dmem_policy_stub_fetch_order(struct dmem_fetch_ctx *ctx)
{
	return DMEM_ORDER_DEFAULT;
}

static struct dmem_policy_ops dmem_policy_stubs = {
	.fetch_order = dmem_policy_stub_fetch_order,
};

static struct bpf_struct_ops bpf_dmem_policy_ops = {
	.verifier_ops = &dmem_policy_verifier_ops,
	.init = dmem_policy_btf_init,
	.check_member = dmem_policy_check_member,
	.init_member = dmem_policy_init_member,
	.validate = dmem_policy_validate,
	.reg = dmem_policy_reg,
	.unreg = dmem_policy_unreg,
	.cfi_stubs = &dmem_policy_stubs,
	.name = "dmem_policy_ops",
	.owner = THIS_MODULE,
};

/* Registered for the module's lifetime; there is no way to take it back but unloading. */
int dmem_policy_init(void)
{
	return register_bpf_struct_ops(&bpf_dmem_policy_ops, dmem_policy_ops);
}
