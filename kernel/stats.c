// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What can be seen from outside: counters (`rdma statistic`) and details of
 * objects (`rdma -dd resource`).
 */
#include <rdma/ib_verbs.h>
#include <rdma/restrack.h>
#include <rdma/rdma_netlink.h>

#include "verbs.h"

static const struct rdma_stat_desc descs[SIW_CNT_NUM] = {
	[SIW_CNT_TX_FPDUS].name = "tx_fpdus",
	[SIW_CNT_RX_FPDUS].name = "rx_fpdus",
	[SIW_CNT_TX_BATCHES].name = "tx_batches",
	[SIW_CNT_TX_FULL].name = "tx_socket_full",
	[SIW_CNT_TX_QUEUED].name = "tx_queued",
	[SIW_CNT_TX_ZCOPY_BYTES].name = "tx_zcopy_bytes",
	[SIW_CNT_TX_COPY_BYTES].name = "tx_copy_bytes",
	[SIW_CNT_TX_ZCOPY_UNDONE].name = "tx_zcopy_undone",
	[SIW_CNT_RX_CRC_ERRORS].name = "rx_crc_errors",
	[SIW_CNT_RX_NO_BUFFER].name = "rx_no_buffer",
	[SIW_CNT_ACCESS_ERRORS].name = "rx_access_errors",
	[SIW_CNT_TX_TERMINATES].name = "tx_terminates",
	[SIW_CNT_RX_TERMINATES].name = "rx_terminates",
	[SIW_CNT_CONNECTS].name = "connects",
	[SIW_CNT_CONNECT_FAILS].name = "connect_fails",
	[SIW_CNT_REJECTS].name = "rejects",
	[SIW_CNT_CLOSES].name = "closes",
	[SIW_CNT_ABORTS].name = "aborts",
	[SIW_CNT_CQ_OVERFLOWS].name = "cq_overflows",
};

/**
 * siw_counter_name() - as `rdma statistic` shows it
 * @c: counter
 *
 * Context: any.
 * Return: constant string.
 */
const char *siw_counter_name(enum siw_counter c)
{
	return descs[c].name;
}

/**
 * siw_counted() - value of a counter
 * @sdev: device
 * @c: counter
 *
 * Context: any.
 * Return: sum over all CPUs.
 */
u64 siw_counted(struct siw_device *sdev, enum siw_counter c)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(sdev->stats, cpu)->cnt[c]);
	return sum;
}

/**
 * siw_alloc_hw_stats() - verb
 * @base: device
 * @port: 1
 *
 * Context: process.
 * Return: structure that ib_core frees, or NULL.
 */
struct rdma_hw_stats *siw_alloc_hw_stats(struct ib_device *base, u32 port)
{
	return rdma_alloc_hw_stats_struct(descs, SIW_CNT_NUM,
					  RDMA_HW_STATS_DEFAULT_LIFESPAN);
}

/**
 * siw_get_hw_stats() - verb
 * @base: device
 * @stats: result
 * @port: 1; 0 for what belongs to no port: nothing
 * @index: which; all are told
 *
 * Context: process.
 * Return: number of counters.
 */
int siw_get_hw_stats(struct ib_device *base, struct rdma_hw_stats *stats,
		     u32 port, int index)
{
	struct siw_device *sdev = to_siw_dev(base);
	int i;

	if (port != 1)
		return -EINVAL;
	for (i = 0; i < SIW_CNT_NUM; i++)
		stats->value[i] = siw_counted(sdev, i);
	return SIW_CNT_NUM;
}

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

/**
 * siw_fill_res_qp() - what `rdma -dd resource show qp` adds
 * @msg: netlink message
 * @base: QP
 *
 * Context: process.
 * Return: 0 or -EMSGSIZE.
 */
int siw_fill_res_qp(struct sk_buff *msg, struct ib_qp *base)
{
	struct siw_qp *qp = to_siw_qp(base);
	const char *state = siw_qpsm_state_name(READ_ONCE(qp->state));
	u32 unfinished = READ_ONCE(qp->wr_put) - READ_ONCE(qp->wr_get);
	struct nlattr *nest = nest_begin(msg);

	if (!nest)
		return -EMSGSIZE;
	return nest_end(msg, nest,
		rdma_nl_put_driver_string(msg, "siw_state", state) ||
		rdma_nl_put_driver_u32(msg, "sq_size", qp->num_sqe) ||
		rdma_nl_put_driver_u32(msg, "rq_size", qp->num_rqe) ||
		rdma_nl_put_driver_u32(msg, "sq_unfinished", unfinished) ||
		rdma_nl_put_driver_u32(msg, "ird", qp->ird) ||
		rdma_nl_put_driver_u32(msg, "ord", qp->ord) ||
		rdma_nl_put_driver_u32(msg, "irq", READ_ONCE(qp->irq_q.cnt)) ||
		rdma_nl_put_driver_u32(msg, "orq", READ_ONCE(qp->orq_q.cnt)));
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
