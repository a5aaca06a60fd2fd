// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * debugfs: siw/DEVICE/stats, qp and cep, for people who look for a fault.
 *
 * The files come and go with the device's registration, and follow its name, by
 * way of a client of ib_core. debugfs waits for readers before it takes a file
 * away; objects are walked by number, and held while they are looked at. So
 * anything may come and go meanwhile. What the owner of an object changes
 * without a lock is read as it is.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/string_helpers.h>

#include "cm.h"
#include "verbs.h"

static struct dentry *root;

/* --- stats -------------------------------------------------------------- */

static const char * const obj_names[SIW_OBJ_NUM] = {
	[SIW_OBJ_CTX] = "contexts",
	[SIW_OBJ_PD] = "pds",
	[SIW_OBJ_CQ] = "cqs",
	[SIW_OBJ_SRQ] = "srqs",
	[SIW_OBJ_QP] = "qps",
	[SIW_OBJ_WQE] = "wqes",
};

static int stats_show(struct seq_file *m, void *v)
{
	struct siw_device *sdev = m->private;
	int i;

	for (i = 0; i < SIW_OBJ_NUM; i++)
		seq_printf(m, "%s %d\n", obj_names[i],
			   atomic_read(&sdev->objs[i]));
	/* one is the device's own */
	seq_printf(m, "mrs %d\n", atomic_read(&sdev->num_mem) - 1);
	seq_printf(m, "ceps %d\n", atomic_read(&sdev->cep_cnt));
	for (i = 0; i < SIW_CNT_NUM; i++)
		seq_printf(m, "%s %llu\n", siw_counter_name(i),
			   siw_counted(sdev, i));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

/* --- queue pairs: the position is the QP number -------------------------- */

static struct siw_qp *qp_from(struct siw_device *sdev, loff_t *pos)
{
	unsigned long qpn = *pos;
	struct siw_qp *qp;

	while (xa_find(&sdev->qps, &qpn, ULONG_MAX, XA_PRESENT)) {
		qp = siw_qp_find(sdev, qpn);
		if (qp) {
			*pos = qpn;
			return qp;
		}
		qpn++;
	}
	return NULL;
}

static void *qp_start(struct seq_file *m, loff_t *pos)
{
	return qp_from(m->private, pos);
}

static void *qp_next(struct seq_file *m, void *v, loff_t *pos)
{
	siw_qp_put(v);
	++*pos;
	return qp_from(m->private, pos);
}

static void qp_stop(struct seq_file *m, void *v)
{
	if (v)
		siw_qp_put(v);
}

static u64 cep_of(struct siw_qp *qp)
{
	unsigned long flags;
	u64 no = 0;

	spin_lock_irqsave(&qp->lock, flags);
	if (qp->cep)
		no = qp->cep->no;
	spin_unlock_irqrestore(&qp->lock, flags);
	return no;
}

static int qp_show(struct seq_file *m, void *v)
{
	static const char * const tx_states[] = {
		[SIW_TX_IDLE] = "idle", [SIW_TX_RUN] = "run",
		[SIW_TX_RERUN] = "rerun",
	};
	struct siw_qp *qp = v;

	seq_printf(m, "qp %u state=%s owner=%s cep=%llu", qp->base.qp_num,
		   siw_qpsm_state_name(READ_ONCE(qp->state)),
		   qp->kernel ? "kernel" : "user", cep_of(qp));
	seq_printf(m, " sq=%u/%u rq=%u%s", READ_ONCE(qp->wr_put) -
		   READ_ONCE(qp->wr_get), qp->num_sqe, qp->num_rqe,
		   qp->srq ? " srq" : "");
	seq_printf(m, " orq=%u/%u irq=%u/%u", READ_ONCE(qp->orq_q.cnt),
		   READ_ONCE(qp->ord), READ_ONCE(qp->irq_q.cnt),
		   READ_ONCE(qp->ird));
	seq_printf(m, " tx=%s gate=%s%s%s\n",
		   tx_states[atomic_read(&qp->tx_state)],
		   READ_ONCE(qp->gate) ? "open" : "closed",
		   READ_ONCE(qp->stop_tx) ? " stopped" : "",
		   READ_ONCE(qp->term_pending) ? " terminating" : "");
	return 0;
}

static const struct seq_operations qp_sops = {
	.start = qp_start,
	.next = qp_next,
	.stop = qp_stop,
	.show = qp_show,
};
DEFINE_SEQ_ATTRIBUTE(qp);

/* --- connection end points: the position is their number; 0: listeners -- */

static void *cep_from(struct siw_device *sdev, loff_t *pos)
{
	struct siw_cep *cep = siw_cep_find(sdev, *pos);

	if (cep)
		*pos = cep->no;
	return cep;
}

static void *cep_start(struct seq_file *m, loff_t *pos)
{
	return *pos ? cep_from(m->private, pos) : SEQ_START_TOKEN;
}

static void *cep_next(struct seq_file *m, void *v, loff_t *pos)
{
	if (v != SEQ_START_TOKEN)
		siw_cep_put(v);
	++*pos;
	return cep_from(m->private, pos);
}

static void cep_stop(struct seq_file *m, void *v)
{
	if (v && v != SEQ_START_TOKEN)
		siw_cep_put(v);
}

static void show_socket(struct seq_file *m, struct siw_cep *cep)
{
	struct sockaddr_storage local, remote;

	if (!cep->sock || siw_sock_names(cep->sock, &local, &remote))
		return;
	seq_printf(m, " local=%pISpc remote=%pISpc", &local, &remote);
}

static void show_agreed(struct seq_file *m, const struct siw_cep *cep)
{
	const struct siw_mpa_result *r = &cep->res;

	if (!r->rev)
		return;
	seq_printf(m, " rev=%u crc=%s markers_tx=%s markers_rx=%s",
		   r->rev, str_on_off(r->crc), str_on_off(r->markers_tx),
		   str_on_off(r->markers_rx));
	seq_printf(m, " ird=%u ord=%u rtr=%u", r->ird, r->ord, r->rtr);
}

static void show_timer(struct seq_file *m, const struct siw_cep *cep)
{
	long left = cep->deadline - jiffies;

	if (cep->timed)
		seq_printf(m, " timer=%ums",
			   left > 0 ? jiffies_to_msecs(left) : 0);
}

static int cep_show(struct seq_file *m, void *v)
{
	struct siw_cep *cep = v;

	if (v == SEQ_START_TOKEN) {
		siw_listen_show(m, m->private);
		return 0;
	}
	mutex_lock(&cep->lock);
	seq_printf(m, "cep %llu phase=%s role=%s", cep->no,
		   siw_cmsm_phase_name(cep->phase),
		   cep->passive ? "responder" : "initiator");
	show_socket(m, cep);
	if (cep->qp)
		seq_printf(m, " qp=%u", cep->qp->base.qp_num);
	show_agreed(m, cep);
	show_timer(m, cep);
	mutex_unlock(&cep->lock);
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations cep_sops = {
	.start = cep_start,
	.next = cep_next,
	.stop = cep_stop,
	.show = cep_show,
};
DEFINE_SEQ_ATTRIBUTE(cep);

/* --- devices ------------------------------------------------------------ */

static void make_files(struct siw_device *sdev)
{
	struct dentry *dir;

	dir = debugfs_create_dir(dev_name(&sdev->base.dev), root);
	debugfs_create_file("stats", 0400, dir, sdev, &stats_fops);
	debugfs_create_file("qp", 0400, dir, sdev, &qp_fops);
	debugfs_create_file("cep", 0400, dir, sdev, &cep_fops);
	sdev->debugfs = dir;
}

static int add_device(struct ib_device *base)
{
	if (base->ops.driver_id != RDMA_DRIVER_SIW ||
	    base->ops.owner != THIS_MODULE)
		return -EOPNOTSUPP;
	make_files(to_siw_dev(base));
	return 0;
}

static void remove_device(struct ib_device *base, void *data)
{
	debugfs_remove_recursive(to_siw_dev(base)->debugfs);
}

static void rename_device(struct ib_device *base, void *data)
{
	struct siw_device *sdev = to_siw_dev(base);

	debugfs_remove_recursive(sdev->debugfs);
	make_files(sdev);
}

static struct ib_client client = {
	.name = "siw_debugfs",
	.add = add_device,
	.remove = remove_device,
	.rename = rename_device,
};

/**
 * siw_debugfs_init() - at module load, before there is a device
 *
 * Without debugfs the files are missed, and nothing else.
 *
 * Context: process.
 * Return: 0 or -errno.
 */
int siw_debugfs_init(void)
{
	int rv;

	root = debugfs_create_dir("siw", NULL);
	rv = ib_register_client(&client);
	if (rv)
		debugfs_remove_recursive(root);
	return rv;
}

/**
 * siw_debugfs_exit() - at module unload
 *
 * Context: process, sleeps.
 */
void siw_debugfs_exit(void)
{
	ib_unregister_client(&client);
	debugfs_remove_recursive(root);
}
