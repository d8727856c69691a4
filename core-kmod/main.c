// SPDX-License-Identifier: GPL-2.0
/* main.c - the module comes and goes. */
#include <linux/module.h>

#include "core.h"

static int __init dmem_init(void)
{
	int err;

	err = dmem_batch_init();
	if (err)
		return err;
	dmem_wq = alloc_workqueue("dmem", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!dmem_wq)
		return -ENOMEM;
	/* Without WQ_MEM_RECLAIM: what it does not get to for want of memory, nobody waits for. */
	dmem_prefetch_wq = alloc_workqueue("dmem-prefetch", WQ_UNBOUND | WQ_HIGHPRI, 0);
	if (!dmem_prefetch_wq) {
		err = -ENOMEM;
		goto destroy_wq;
	}
	err = dmem_reclaim_init();
	if (err)
		goto destroy_prefetch_wq;
	err = dmem_inode_cache_init();
	if (err)
		goto exit_reclaim;
	err = dmem_policy_init();
	if (err)
		goto exit_inode_cache;
	err = dmem_transport_register(&dmem_local_transport);
	if (err)
		goto exit_inode_cache;
	err = register_filesystem(&dmem_fs_type);
	if (err)
		goto unregister_local;
	return 0;

unregister_local:
	dmem_transport_unregister(&dmem_local_transport);
exit_inode_cache:
	dmem_inode_cache_exit();
exit_reclaim:
	dmem_reclaim_exit();
destroy_prefetch_wq:
	destroy_workqueue(dmem_prefetch_wq);
destroy_wq:
	destroy_workqueue(dmem_wq);
	return err;
}

static void __exit dmem_exit(void)
{
	unregister_filesystem(&dmem_fs_type);
	dmem_transport_unregister(&dmem_local_transport);
	dmem_inode_cache_exit();
	dmem_reclaim_exit();
	destroy_workqueue(dmem_prefetch_wq);
	destroy_workqueue(dmem_wq);
	dmem_batch_exit();
}

module_init(dmem_init);
module_exit(dmem_exit);
MODULE_DESCRIPTION("Remote memory for KVM guests");
MODULE_LICENSE("GPL");
MODULE_ALIAS_FS(DMEM_FS_NAME);
