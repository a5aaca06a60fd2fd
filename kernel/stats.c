// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Counters of a device: `rdma statistic show link DEVICE/1`.
 */
#include <rdma/ib_verbs.h>

#include "verbs.h"

#define MSG_NAMES(dir, cnt)						\
	[(cnt) + RDMAP_WRITE].name = dir "_writes",			\
	[(cnt) + RDMAP_READ_REQ].name = dir "_read_requests",		\
	[(cnt) + RDMAP_READ_RESP].name = dir "_read_responses",		\
	[(cnt) + RDMAP_SEND].name = dir "_sends",				\
	[(cnt) + RDMAP_SEND_INVAL].name = dir "_sends_inval",		\
	[(cnt) + RDMAP_SEND_SE].name = dir "_sends_se",			\
	[(cnt) + RDMAP_SEND_SE_INVAL].name = dir "_sends_se_inval",	\
	[(cnt) + RDMAP_TERMINATE].name = dir "_terminates"

#define TERM_NAMES(dir, cnt)						\
	[(cnt)].name = dir "_terminates_rdmap",				\
	[(cnt) + 1].name = dir "_terminates_ddp",				\
	[(cnt) + 2].name = dir "_terminates_mpa"

static const struct rdma_stat_desc descs[SIW_CNT_NUM] = {
	[SIW_CNT_TX_FPDUS].name = "tx_fpdus",
	[SIW_CNT_RX_FPDUS].name = "rx_fpdus",
	[SIW_CNT_TX_BYTES].name = "tx_bytes",
	[SIW_CNT_RX_BYTES].name = "rx_bytes",
	MSG_NAMES("tx", SIW_CNT_TX_MSG),
	MSG_NAMES("rx", SIW_CNT_RX_MSG),
	[SIW_CNT_TX_BATCHES].name = "tx_batches",
	[SIW_CNT_TX_FULL].name = "tx_socket_full",
	[SIW_CNT_TX_DIRECT].name = "tx_direct",
	[SIW_CNT_TX_QUEUED].name = "tx_queued",
	[SIW_CNT_TX_ZCOPY_BYTES].name = "tx_zcopy_bytes",
	[SIW_CNT_TX_COPY_BYTES].name = "tx_copy_bytes",
	[SIW_CNT_TX_ZCOPY_UNDONE].name = "tx_zcopy_undone",
	[SIW_CNT_RX_CRC_ERRORS].name = "rx_crc_errors",
	[SIW_CNT_RX_NO_BUFFER].name = "rx_no_buffer",
	[SIW_CNT_ACCESS_ERRORS].name = "rx_access_errors",
	TERM_NAMES("tx", SIW_CNT_TX_TERM),
	TERM_NAMES("rx", SIW_CNT_RX_TERM),
	[SIW_CNT_CONNECT_TRIES].name = "connect_tries",
	[SIW_CNT_CONNECT_TIMEOUTS].name = "connect_timeouts",
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
