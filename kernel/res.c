// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Details of objects for `rdma -dd resource show`.
 *
 * ib_core keeps the object while it is asked for; what belongs to its owner is
 * read as it is at the moment.
 */
#include <rdma/ib_verbs.h>
#include <rdma/restrack.h>
#include <rdma/rdma_netlink.h>

#include "cm.h"
#include "verbs.h"

static struct nlattr *nest_begin(struct sk_buff *msg)
{
	return nla_nest_start(msg, RDMA_NLDEV_ATTR_DRIVER);
}

static int nest_end(struct sk_buff *msg, struct nlattr *nest, int failed)
{
	if (failed) {
		nla_nest_cancel(msg, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(msg, nest);
	return 0;
}

static struct siw_cep *cep_of(struct siw_qp *qp)
{
	struct siw_cep *cep;
	unsigned long flags;

	spin_lock_irqsave(&qp->lock, flags);
	cep = qp->cep;
	if (cep)
		siw_cep_get(cep);
	spin_unlock_irqrestore(&qp->lock, flags);
	return cep;
}

static int put_address(struct sk_buff *msg, const char *name,
		       const struct sockaddr_storage *addr)
{
	char buf[64];

	snprintf(buf, sizeof(buf), "%pISpc", addr);
	return rdma_nl_put_driver_string(msg, name, buf);
}

/* Who is connected, and what both have agreed on */
static int fill_connection(struct sk_buff *msg, struct siw_cep *cep)
{
	const struct siw_mpa_result *r = &cep->res;
	struct sockaddr_storage local, remote;

	if (cep->sock && !siw_sock_names(cep->sock, &local, &remote) &&
	    (put_address(msg, "local", &local) ||
	     put_address(msg, "remote", &remote)))
		return -EMSGSIZE;
	if (!r->rev)
		return 0;
	return rdma_nl_put_driver_u32(msg, "mpa_rev", r->rev) ||
	       rdma_nl_put_driver_u32(msg, "crc", r->crc) ||
	       rdma_nl_put_driver_u32(msg, "markers_tx", r->markers_tx) ||
	       rdma_nl_put_driver_u32(msg, "markers_rx", r->markers_rx) ||
	       rdma_nl_put_driver_u32(msg, "rtr", r->rtr);
}

static int fill_queues(struct sk_buff *msg, struct siw_qp *qp)
{
	const char *state = siw_qpsm_state_name(READ_ONCE(qp->state));
	u32 unfinished = READ_ONCE(qp->wr_put) - READ_ONCE(qp->wr_get);

	return rdma_nl_put_driver_string(msg, "siw_state", state) ||
	       rdma_nl_put_driver_u32(msg, "sq_size", qp->num_sqe) ||
	       rdma_nl_put_driver_u32(msg, "rq_size", qp->num_rqe) ||
	       rdma_nl_put_driver_u32(msg, "sq_unfinished", unfinished) ||
	       rdma_nl_put_driver_u32(msg, "ird", qp->ird) ||
	       rdma_nl_put_driver_u32(msg, "ord", qp->ord) ||
	       rdma_nl_put_driver_u32(msg, "irq", READ_ONCE(qp->irq_q.cnt)) ||
	       rdma_nl_put_driver_u32(msg, "orq", READ_ONCE(qp->orq_q.cnt));
}

/**
 * siw_fill_res_qp() - what `rdma -dd resource show qp` adds
 * @msg: netlink message
 * @base: QP
 *
 * Context: process, sleeps.
 * Return: 0 or -EMSGSIZE.
 */
int siw_fill_res_qp(struct sk_buff *msg, struct ib_qp *base)
{
	struct siw_qp *qp = to_siw_qp(base);
	struct nlattr *nest = nest_begin(msg);
	struct siw_cep *cep;
	int failed;

	if (!nest)
		return -EMSGSIZE;
	failed = fill_queues(msg, qp);
	cep = cep_of(qp);
	if (cep) {
		mutex_lock(&cep->lock);
		failed = failed || fill_connection(msg, cep);
		mutex_unlock(&cep->lock);
		siw_cep_put(cep);
	}
	return nest_end(msg, nest, failed);
}

/**
 * siw_fill_res_cq() - what `rdma -dd resource show cq` adds
 * @msg: netlink message
 * @base: CQ
 *
 * Context: process.
 * Return: 0 or -EMSGSIZE.
 */
int siw_fill_res_cq(struct sk_buff *msg, struct ib_cq *base)
{
	struct siw_cq *cq = to_siw_cq(base);
	struct nlattr *nest = nest_begin(msg);

	if (!nest)
		return -EMSGSIZE;
	return nest_end(msg, nest,
		rdma_nl_put_driver_u32(msg, "size", cq->num_cqe) ||
		rdma_nl_put_driver_u32(msg, "completions",
				       READ_ONCE(cq->put)) ||
		rdma_nl_put_driver_u32(msg, "armed",
				       READ_ONCE(cq->ctrl->flags) & 3) ||
		rdma_nl_put_driver_u32(msg, "overflow", cq->overflow));
}

/**
 * siw_fill_res_mr() - what `rdma -dd resource show mr` adds
 * @msg: netlink message
 * @base: MR
 *
 * Context: process.
 * Return: 0 or -EMSGSIZE.
 */
int siw_fill_res_mr(struct sk_buff *msg, struct ib_mr *base)
{
	static const char * const kinds[] = {
		[SIW_MEM_UMEM] = "user", [SIW_MEM_PBL] = "fast",
		[SIW_MEM_DMA] = "dma",
	};
	struct siw_mem *mem = to_siw_mr(base)->mem;
	struct nlattr *nest = nest_begin(msg);

	if (!nest)
		return -EMSGSIZE;
	return nest_end(msg, nest,
		rdma_nl_put_driver_string(msg, "kind", kinds[mem->kind]) ||
		rdma_nl_put_driver_u32(msg, "valid", READ_ONCE(mem->valid)) ||
		rdma_nl_put_driver_u32_hex(msg, "rights", mem->rights));
}
