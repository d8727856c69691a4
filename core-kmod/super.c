// SPDX-License-Identifier: GPL-2.0
/*
 * super.c - a mount: its options, its donor, its accounts.
 *
 * A pool is constant once mounted, but for what is reserved of it.
 */
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/key.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/statfs.h>
#include <keys/user-type.h>

#include "core.h"

#define DMEM_DIRECT_PERCENT_DEFAULT	50
#define DMEM_TIMEOUT_MS_DEFAULT		30000
#define DMEM_TIMEOUT_MS_MIN		100
#define DMEM_TIMEOUT_MS_MAX		3600000
#define DMEM_LATENCY_NS_MAX		(10ULL * NSEC_PER_SEC)
#define DMEM_NS_PER_PAGE_MAX		((u64)NSEC_PER_SEC)

enum dmem_option {
	OPT_DONOR, OPT_DIRECT, OPT_ORDER, OPT_SIZE, OPT_LATENCY_NS, OPT_NS_PER_PAGE,
	OPT_TIMEOUT_MS, OPT_KEY, OPT_REPLICAS, OPT_CHECKSUM, OPT_MODE, OPT_UID, OPT_GID,
};

static const struct constant_table dmem_checksums[] = {
	{ "on", DMEM_CHECKSUM_ON },
	{ "off", DMEM_CHECKSUM_OFF },
	{}
};

static const struct fs_parameter_spec dmem_parameters[] = {
	fsparam_string("donor", OPT_DONOR),
	fsparam_string("direct", OPT_DIRECT),
	fsparam_u32("order", OPT_ORDER),
	fsparam_string("size", OPT_SIZE),
	fsparam_u64("latency_ns", OPT_LATENCY_NS),
	fsparam_u64("ns_per_page", OPT_NS_PER_PAGE),
	fsparam_u32("timeout_ms", OPT_TIMEOUT_MS),
	fsparam_string("key", OPT_KEY),
	fsparam_u32("replicas", OPT_REPLICAS),
	fsparam_enum("checksum", OPT_CHECKSUM, dmem_checksums),
	fsparam_u32oct("mode", OPT_MODE),
	fsparam_uid("uid", OPT_UID),
	fsparam_gid("gid", OPT_GID),
	{}
};

static struct kmem_cache *dmem_inode_cache;

/* Bytes as people write them; whole pages, not zero. */
static int dmem_parse_size(struct fs_context *fc, const char *option, const char *text, u64 *pages)
{
	char *end;
	u64 bytes = memparse(text, &end);

	if (end == text || *end)
		return invalfc(fc, "%s=%s: not a size", option, text);
	if (!bytes || !PAGE_ALIGNED(bytes))
		return invalfc(fc, "%s=%s: not a multiple of 4 KiB above zero", option, text);
	*pages = bytes >> PAGE_SHIFT;
	return 0;
}

static int dmem_parse_direct(struct fs_context *fc, struct dmem_pool *pool, const char *text)
{
	size_t len = strlen(text);
	char number[4] = "";
	u8 percent;

	if (!len || text[len - 1] != '%') {
		pool->direct_percent = 0;
		return dmem_parse_size(fc, "direct", text, &pool->direct_pages);
	}
	if (len <= sizeof(number))
		memcpy(number, text, len - 1);
	if (kstrtou8(number, 10, &percent) || !percent || percent > 100)
		return invalfc(fc, "direct=%s: not a percentage from 1%% to 100%%", text);
	pool->direct_pages = 0;
	pool->direct_percent = percent;
	return 0;
}

static int dmem_parse_range(struct fs_context *fc, const char *option, u64 value, u64 least,
			    u64 most)
{
	if (value < least || value > most)
		return invalfc(fc, "%s=%llu: not from %llu to %llu", option, value, least, most);
	return 0;
}

/*
 * A key by its description, found in the keyrings of who mounts. Of type logon: it cannot be read
 * back, and neither the command line nor /proc/mounts has it. Copied: connections are made anew
 * long after that process is gone.
 */
static int dmem_parse_key(struct fs_context *fc, struct dmem_pool *pool, struct fs_parameter *param)
{
	const struct user_key_payload *payload;
	struct key *key;
	int err = 0;

	if (pool->key_name)
		return invalfc(fc, "key=%s: there is one already", param->string);
	key = request_key(&key_type_logon, param->string, NULL);
	if (IS_ERR(key)) {
		errorfc(fc, "key=%s: no such key of type logon: %ld", param->string, PTR_ERR(key));
		return PTR_ERR(key);
	}
	down_read(&key->sem);
	payload = user_key_payload_locked(key);
	if (!payload)
		err = -EKEYREVOKED;
	else if (payload->datalen != DMEM_KEY_BYTES)
		err = invalfc(fc, "key=%s: %u bytes, not %u", param->string, payload->datalen,
			      DMEM_KEY_BYTES);
	else
		memcpy(pool->key, payload->data, DMEM_KEY_BYTES);
	up_read(&key->sem);
	key_put(key);
	if (err)
		return err;
	pool->has_key = true;
	swap(pool->key_name, param->string);
	return 0;
}

static int dmem_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct dmem_pool *pool = fc->s_fs_info;
	struct fs_parse_result result;
	int opt = fs_parse(fc, dmem_parameters, param, &result);

	switch (opt) {
	case OPT_DONOR:
		if (pool->nr_donors == DMEM_DONORS_MAX)
			return invalfc(fc, "donor=%s: a pool has at most %u donors",
				       param->string, DMEM_DONORS_MAX);
		pool->donors[pool->nr_donors++] = param->string;
		param->string = NULL;
		return 0;
	case OPT_DIRECT:
		return dmem_parse_direct(fc, pool, param->string);
	case OPT_SIZE:
		return dmem_parse_size(fc, "size", param->string, &pool->size_pages);
	case OPT_ORDER:
		pool->order = result.uint_32;
		return dmem_parse_range(fc, "order", pool->order, 0, DMEM_ORDER_MAX);
	case OPT_LATENCY_NS:
		pool->latency_ns = result.uint_64;
		return dmem_parse_range(fc, "latency_ns", pool->latency_ns, 0, DMEM_LATENCY_NS_MAX);
	case OPT_NS_PER_PAGE:
		pool->ns_per_page = result.uint_64;
		return dmem_parse_range(fc, "ns_per_page", pool->ns_per_page, 0,
					DMEM_NS_PER_PAGE_MAX);
	case OPT_TIMEOUT_MS:
		pool->timeout_ms = result.uint_32;
		return dmem_parse_range(fc, "timeout_ms", pool->timeout_ms, DMEM_TIMEOUT_MS_MIN,
					DMEM_TIMEOUT_MS_MAX);
	case OPT_KEY:
		return dmem_parse_key(fc, pool, param);
	case OPT_REPLICAS:
		pool->replicas = result.uint_32;
		return dmem_parse_range(fc, "replicas", pool->replicas, 1, DMEM_COPIES_MAX);
	case OPT_CHECKSUM:
		pool->checksum = result.uint_32;
		return 0;
	case OPT_MODE:
		pool->mode = result.uint_32 & 07777;
		return 0;
	case OPT_UID:
		pool->uid = result.uid;
		return 0;
	case OPT_GID:
		pool->gid = result.gid;
		return 0;
	default:
		return opt;
	}
}

static int dmem_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	struct dmem_pool *pool = dmem_sb_pool(dentry->d_sb);
	u64 reserved = atomic64_read(&pool->reserved_pages);

	buf->f_type = DMEM_MAGIC;
	buf->f_bsize = PAGE_SIZE;
	/* Never less than what is reserved, though a donor may just have gone. */
	buf->f_blocks = max(dmem_pool_capacity(pool), reserved);
	buf->f_bfree = buf->f_blocks - reserved;
	buf->f_bavail = buf->f_bfree;
	buf->f_namelen = NAME_MAX;
	return 0;
}

static int dmem_show_options(struct seq_file *m, struct dentry *root)
{
	struct dmem_pool *pool = dmem_sb_pool(root->d_sb);
	unsigned int i;

	for (i = 0; i < pool->nr_donors; i++)
		seq_show_option(m, "donor", pool->donors[i]);
	if (pool->direct_pages)
		seq_printf(m, ",direct=%lluK", pool->direct_pages << (PAGE_SHIFT - 10));
	else
		seq_printf(m, ",direct=%u%%", pool->direct_percent);
	seq_printf(m, ",order=%u,timeout_ms=%u,latency_ns=%llu,ns_per_page=%llu", pool->order,
		   pool->timeout_ms, pool->latency_ns, pool->ns_per_page);
	if (pool->key_name)
		seq_show_option(m, "key", pool->key_name);
	if (pool->replicas)
		seq_printf(m, ",replicas=%u", pool->replicas);
	if (pool->checksum)
		seq_printf(m, ",checksum=%s", pool->checksum == DMEM_CHECKSUM_ON ? "on" : "off");
	if (pool->size_pages)
		seq_printf(m, ",size=%lluK", pool->size_pages << (PAGE_SHIFT - 10));
	return 0;
}

static struct inode *dmem_alloc_inode(struct super_block *sb)
{
	struct dmem_inode *inode = alloc_inode_sb(sb, dmem_inode_cache, GFP_KERNEL);

	if (!inode)
		return NULL;
	inode->vm = NULL;
	return &inode->inode;
}

static void dmem_free_inode(struct inode *inode)
{
	kmem_cache_free(dmem_inode_cache, container_of(inode, struct dmem_inode, inode));
}

static void dmem_evict_inode(struct inode *inode)
{
	struct dmem_vm *vm = dmem_inode_vm(inode);
	u64 size_pages;

	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	if (!vm)
		return;
	size_pages = vm->ident.size_bytes >> PAGE_SHIFT;
	dmem_vm_destroy(vm);
	dmem_unreserve_size(dmem_sb_pool(inode->i_sb), size_pages, 0);
}

static const struct super_operations dmem_super_ops = {
	.alloc_inode = dmem_alloc_inode,
	.free_inode = dmem_free_inode,
	.evict_inode = dmem_evict_inode,
	.drop_inode = generic_delete_inode,
	.statfs = dmem_statfs,
	.show_options = dmem_show_options,
};

static int dmem_fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct dmem_pool *pool = sb->s_fs_info;
	struct inode *root;
	int err;

	if (!pool->nr_donors)
		return invalfc(fc, "no donor: mount with -o donor=local:SIZE");
	err = dmem_donor_open(pool, fc);
	if (err)
		return err;
	sb->s_magic = DMEM_MAGIC;
	sb->s_op = &dmem_super_ops;
	sb->s_maxbytes = min_t(u64, MAX_LFS_FILESIZE, DMEM_REGIONS_MAX * DMEM_REGION_BYTES);
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_time_gran = 1;
	root = dmem_inode_new(sb, NULL, S_IFDIR | pool->mode);
	if (!root)
		return -ENOMEM;
	root->i_uid = pool->uid;
	root->i_gid = pool->gid;
	sb->s_root = d_make_root(root);
	return sb->s_root ? 0 : -ENOMEM;
}

static int dmem_get_tree(struct fs_context *fc)
{
	return get_tree_nodev(fc, dmem_fill_super);
}

static void dmem_pool_free(struct dmem_pool *pool)
{
	if (!pool)
		return;
	dmem_donor_close(pool);
	while (pool->nr_donors)
		kfree(pool->donors[--pool->nr_donors]);
	kfree(pool->key_name);
	kfree_sensitive(pool);
}

static void dmem_free_fc(struct fs_context *fc)
{
	dmem_pool_free(fc->s_fs_info);
}

static const struct fs_context_operations dmem_context_ops = {
	.parse_param = dmem_parse_param,
	.get_tree = dmem_get_tree,
	.free = dmem_free_fc,
};

static int dmem_init_fs_context(struct fs_context *fc)
{
	struct dmem_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL);

	if (!pool)
		return -ENOMEM;
	pool->direct_percent = DMEM_DIRECT_PERCENT_DEFAULT;
	pool->timeout_ms = DMEM_TIMEOUT_MS_DEFAULT;
	pool->mode = 0755;
	pool->uid = current_fsuid();
	pool->gid = current_fsgid();
	fc->s_fs_info = pool;
	fc->ops = &dmem_context_ops;
	return 0;
}

static void dmem_kill_sb(struct super_block *sb)
{
	struct dmem_pool *pool = dmem_sb_pool(sb);

	kill_litter_super(sb);
	dmem_pool_free(pool);
}

struct file_system_type dmem_fs_type = {
	.owner = THIS_MODULE,
	.name = DMEM_FS_NAME,
	.init_fs_context = dmem_init_fs_context,
	.parameters = dmem_parameters,
	.kill_sb = dmem_kill_sb,
};

static void dmem_inode_init_once(void *inode)
{
	inode_init_once(&((struct dmem_inode *)inode)->inode);
}

int dmem_inode_cache_init(void)
{
	dmem_inode_cache = kmem_cache_create("dmem_inode", sizeof(struct dmem_inode), 0,
					     SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT,
					     dmem_inode_init_once);
	return dmem_inode_cache ? 0 : -ENOMEM;
}

void dmem_inode_cache_exit(void)
{
	/* Inodes are freed after a grace period. */
	rcu_barrier();
	kmem_cache_destroy(dmem_inode_cache);
}
